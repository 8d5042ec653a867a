"""Examples in the OpenAPI document, by operation; tests validate each by its type.

All names and values are fictitious.
"""

from importlib import resources
from typing import Any

import msgspec

REPORT = {
    "number": "K14",
    "category": "ipoleksosbud",
    "dimension": "ekonomi",
    "title": "Sengketa lapak pedagang pasar",
    "effective_on": "2021-02-09",
    "area": "35.76.02.1009",
    "source": "polres",
}
REGISTRATION = {
    "number": "O41",
    "kind": "ormas",
    "name": "Perkumpulan Contoh",
    "legal_basis": "skt",
    "valid_until": "2026-09-14",
    "effective_on": "2021-09-15",
}
BODIES: dict[str, dict[str, dict[str, Any]]] = {
    "reportConflict": {
        "numbered": REPORT,
        "unnumbered": {k: v for k, v in REPORT.items() if k != "number"},
    },
    "recordConflictEvent": {
        "returned": {
            "type": "returned",
            "effective_on": "2021-02-10",
            "missing": "Surat pelapor dan tanggal kejadian",
        },
        "verified": {"type": "verified", "effective_on": "2021-02-10"},
        "resolved": {
            "type": "resolved",
            "effective_on": "2021-03-28",
            "manner": "mediasi",
            "evidence": "Berita acara kesepakatan",
        },
        "corrected": {
            "type": "corrected",
            "corrects": 1,
            "category": "sara",
            "dimension": "agama",
            "reason": "Pokok perselisihan ternyata keagamaan",
        },
        "cleared": {
            "type": "corrected",
            "corrects": 1,
            "occurred_on": None,
            "reason": "Tanggal kejadian ternyata tidak diketahui",
        },
        "annulled": {
            "type": "annulled",
            "annuls": 3,
            "reason": "Berita acara belum ditandatangani",
        },
    },
    "registerOrganisation": {"numbered": REGISTRATION},
    "recordOrganisationEvent": {
        "participated": {
            "type": "participated",
            "participation": "2021-014",
            "activity": "musrenbang",
            "effective_on": "2021-10-02",
            "verified": True,
        },
        "renewed": {
            "type": "renewed",
            "effective_on": "2021-12-01",
            "valid_until": "2026-11-30",
        },
    },
    "eraseSubject": {
        "decided": {
            "decision": "B/12/2022",
            "legal_basis": "UU 27/2022 Pasal 8",
            "effective_on": "2022-05-01",
        }
    },
    "redefineIndicator": {
        "threshold": {
            "effective_on": "2022-01-01",
            "basis": "Keputusan Kepala Badan (contoh)",
            "reason": "Sekali hadir belum aktif",
            "participation_threshold": 2,
        }
    },
    "setTarget": {
        "revised": {
            "year": 2021,
            "target": "80.00",
            "effective_on": "2021-09-01",
            "basis": "PK Perubahan 2021 (contoh)",
        },
        "next": {
            "year": 2022,
            "target": "85.00",
            "effective_on": "2022-01-03",
            "basis": "PK 2022 (contoh)",
        },
    },
    "recordIndicatorEvent": {
        "target": {
            "type": "corrected",
            "corrects": 3,
            "target": "86.00",
            "reason": "Salah ketik: tertulis 85",
        },
        "day": {
            "type": "corrected",
            "corrects": 3,
            "effective_on": "2023-01-01",
            "reason": "Berlaku mulai tahun berikutnya",
        },
        "annulled": {
            "type": "annulled",
            "annuls": 4,
            "reason": "Belum ditetapkan",
        },
    },
    "draftPublication": {
        "year": {
            "period": "year",
            "as_of": "2021-12-31",
            "reason": "LKjIP 2021",
            "title": "Laporan Kinerja Instansi Pemerintah 2021",
        },
        "restatement": {
            "period": "year",
            "as_of": "2021-12-31",
            "restates": "2021",
            "reason": "Penutupan K10 dibatalkan",
        },
    },
    "recordPublicationEvent": {
        "closed": {
            "type": "closed",
            "known_on": "2022-01-15",
            "reason": "Tutup buku 2021",
        },
        "returned": {"type": "returned", "reason": "Satu laporan tertinggal"},
        "reviewed": {"type": "reviewed", "reason": "Sesuai dengan berkas"},
        "published": {"type": "published", "reason": "Disahkan kepala badan"},
    },
    "propose": {
        "correction": {
            "category": "conflict",
            "subject": "K10",
            "command": {
                "type": "corrected",
                "corrects": 1,
                "level": "kekerasan",
                "reason": "Tingkat keliru pada laporan pertama",
            },
            "because": "Berita acara pemeriksaan 12/2022",
        },
        "erasure": {
            "category": "subject",
            "subject": "conflict-K14",
            "command": {
                "type": "erased",
                "decision": "B/12/2022",
                "legal_basis": "UU 27/2022 Pasal 8",
            },
            "because": "Permintaan pelapor",
        },
        "import": {
            "category": "import",
            "subject": "9f86d081884c7d65" * 4,
            "command": {"type": "file_allowed", "effective_on": "2022-01-03"},
            "because": "Buku register 2021, diperiksa bersama kepala bidang",
        },
        "agency_data": {
            "category": "paper_data",
            "subject": "narrative.2021.4",
            "command": {
                "type": "narrative_set",
                "year": 2021,
                "quarter": 4,
                "driving_factors": "Forum kewaspadaan aktif",
            },
            "because": "Bahan LKjIP 2021",
        },
        "two_persons": {
            "category": "access",
            "command": {
                "type": "two_persons_set",
                "effective_on": "2022-01-03",
                "value": "recorded",
                "reason": "Bidang hanya memiliki dua pegawai",
            },
            "because": "Kantor kecil",
        },
    },
    "statePaperData": {
        "signer": {
            "type": "signer_set",
            "office": "kepala_badan",
            "office_title": "Kepala Badan Kesatuan Bangsa dan Politik",
            "signer_name": "Contoh Satu, S.H., M.Si.",
            "signer_rank": "Pembina Utama Muda",
            "signer_nip": "198501012010011001",
            "effective_on": "2021-01-04",
        },
        "narrative": {
            "type": "narrative_set",
            "indicator": "IKU-1",
            "year": 2021,
            "quarter": 3,
            "obstacles": "Data dari lapangan terlambat",
            "follow_up": "Rapat koordinasi setiap bulan",
        },
        "other_indicator": {
            "type": "other_indicator_set",
            "code": "IKU-4",
            "year": 2021,
            "wording": "Nilai survei kepuasan (contoh)",
            "measure": "indeks",
            "target": "75,5",
            "actual": "81,25",
        },
    },
    "annulPaperData": {
        "annulled": {
            "type": "annulled",
            "annuls": 1,
            "reason": "Jabatan keliru",
        },
    },
    "decideProposal": {
        "approved": {"type": "approved"},
        "declined": {"type": "declined", "reason": "Berita acara belum lengkap"},
        "withdrawn": {"type": "withdrawn"},
    },
    "inviteAccount": {
        "petugas": {
            "holder": {"name": "Siti Contoh"},
            "basis": "SK/7/2022",
            "role": "petugas",
            "division": "wasnas",
        }
    },
    "recordAccountEvent": {
        "granted": {
            "type": "granted",
            "effective_on": "2022-01-03",
            "role": "verifikator",
            "division": "wasnas",
            "basis": "SK/8/2022",
        },
        "suspended": {
            "type": "suspended",
            "effective_on": "2022-01-03",
            "reason": "Tugas belajar",
        },
    },
    "endSessions": {"all": {}},
    "createApiKey": {
        "script": {"name": "Skrip laporan bulanan", "roles": ["admin"], "days": 30}
    },
}
# Abridged responses for the example register, by operation, status and media type.
# tests/web/test_examples.py compares them with the routes, and records them.
ANSWERS: dict[str, dict[str, dict[str, Any]]] = msgspec.json.decode(
    resources.files(__package__).joinpath("examples.json").read_bytes()
)
# By name. The documentation page prefills only the required parameters.
PARAMETERS: dict[str, Any] = {
    "as_of": "2021-12-31",
    "known_on": "2022-01-15",
    "size": 140,
    "bom": False,
    "from": "2021-01-01",
    "to": "2021-12-31",
    "definition": 1,
    "participation_threshold": 2,
    "against_as_of": "2021-06-30",
    "against_known_on": "2022-01-15",
    "against_size": 140,
    "against_definition": 1,
    "preview": True,
    "text": "pasar",
    "area": "35.76.02",
    "verified": True,
    "expired": True,
    "reported_from": "2021-01-01",
    "reported_to": "2021-12-31",
    "registered_from": "2021-01-01",
    "registered_to": "2021-12-31",
    "district": "35.76.02",
    "subject": "K10",
    "year": 2021,
    "limit": 50,
    "cursor": "SzE0",
    "after": 100,
    "before": 100,
    "account": "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10",
    "actor": "siti",
    "category": "conflict",
    "type": "annulled",
    "stream": "conflict-K14",
    "position": 5,
    "old": 4,
    "new": 5,
    "level": "0",
    "place": "000",
    "code": "IKU-1",
    "number": "IKU-1.1.T.20211231.20220115.145.5C",
    "conflict_id": "K14",
    "organisation_id": "O41",
    "publication_id": "2021",
    "publication": "2021",
    "file": "lkjip.pdf",
    "paper": "lkjip",
    "case": "K14",
    "for_signing": True,
    "because": "LKjIP 2021",
    "subject_id": "conflict-K14",
    "statement_id": "signer.kepala-badan",
    "proposal_id": "6f1c1f0e-0d3c-4f57-9a52-0a1c2f6d7b11",
    "account_id": "0b0e2d6c-5a0f-4d6e-9c1b-2f1f0f6f9a10",
    "key_id": "9f86d081884c",
    "decidable": True,
    "role": "petugas",
    "version": 3,
    "Iku-Actor": "siti",
    "Idempotency-Key": "019a0b5e-7c1a-7b3e-9d52-3f1c8a6b2e40",
    "If-Match": '"2"',
    "Iku-File-Name": "berita%20acara.pdf",
}
