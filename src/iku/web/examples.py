"""Examples for the API's description, by operation. Every one is held against its type.

All of it is invented.
"""

from typing import Any

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
        }
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
}
FIGURE = {
    "indicator": "IKU-1",
    "definition": 1,
    "period": {"kind": "year", "from": "2021-01-01", "to": "2021-12-31"},
    "as_of": "2021-12-31",
    "known_on": "2022-06-30",
    "size": 147,
    "numerator": 7,
    "denominator": 9,
    "percentage": "77.78",
    "empty": None,
    "expired": None,
    "target": "80.00",
    "achievement": "97.22",
    "rating": "Sangat Tinggi",
    "number": "IKU-1.1.T.20211231.20220630.147.QM",
    "parts": None,
}
COUNTED = ("numerator", "denominator", "percentage", "expired")
LINE = {
    "position": 105,
    "version": 3,
    "type": "resolved",
    "subject": {"category": "conflict", "id": "K01", "number": "K01"},
    "effective_on": "2021-02-15",
    "known_on": "2021-02-15",
    "recorded_at": "2022-01-03T03:04:05.123456Z",
    "part": "ekonomi",
    "district": "35.76.02",
    "moved": {"numerator": 1, "denominator": 0},
    "numerator": 1,
    "denominator": 4,
}
RECEIPT = {
    "id": "K14",
    "number": "K14",
    "version": 1,
    "position": 147,
    "size": 147,
    "recorded_at": "2021-02-09T03:04:05.123456Z",
    "leaf": "50b288994ed0897c77a861832c1ddac16b5bc06b45c5b91d1558a6162bd507c7",
}
EXPLAINED = {
    "figure": FIGURE,
    "items": [
        {
            "id": "K10",
            "number": "K10",
            "title": "Saling klaim kepengurusan cabang partai",
            "part": "politik",
            "district": "35.76.02",
            "denominator": True,
            "numerator": False,
            "expired": False,
            "why_denominator": {
                "rule": "new_in_period",
                "events": [
                    {
                        "position": 130,
                        "version": 1,
                        "type": "reported",
                        "effective_on": "2021-08-30",
                        "known_on": "2021-08-30",
                    }
                ],
                "id": "dihitung: dilaporkan 30-08-2021, dalam periode, peristiwa 130",
                "en": "counted: reported on 2021-08-30, in the period, event 130",
            },
            "why_numerator": {
                "rule": "closing_annulled",
                "events": [
                    {
                        "position": 144,
                        "version": 4,
                        "type": "annulled",
                        "effective_on": None,
                        "known_on": "2022-01-20",
                    }
                ],
                "id": "masih terbuka: penutupan 15-10-2021 dibatalkan, peristiwa 144",
                "en": "still open: the closing of 2021-10-15 was annulled, event 144",
            },
        }
    ],
    "examined": 16,
    "next": None,
}
ANSWERS: dict[str, dict[str, Any]] = {
    "getFigure": FIGURE,
    "explainFigure": EXPLAINED,
    "verifyFigure": FIGURE
    | {
        "verdict": "same",
        "recounted": {name: FIGURE[name] for name in COUNTED},
    },
    "replayFigure": LINE,
    "reportConflict": RECEIPT,
    "recordConflictEvent": RECEIPT | {"version": 2},
    "eraseSubject": RECEIPT | {"id": "conflict-K14", "number": "conflict-K14"},
}
# Few, for the page fills them in: a key that is always the same would soon be refused.
PARAMETERS: dict[str, Any] = {
    "from": "2021-01-01",
    "code": "IKU-1",
    "number": FIGURE["number"],
    "conflict_id": "K14",
    "organisation_id": "O41",
    "publication_id": "2021",
    "subject_id": "conflict-K14",
    "Iku-Actor": "siti",
}
