"""The archive of evidence: complete, proven, and equal for equal registers."""

import io
import zipfile
from hashlib import sha256
from pathlib import Path

from iku.exchange.papers import registry
from iku.exchange.papers.evidence_pack import NAME
from iku.exchange.papers.sources import PaperRequest
from iku.ledger import checkpoint_signing, tlog_proof, tree
from iku.ledger.signer_folder import SignerFolder
from iku.postgres.database import Database
from iku.postgres.pool import connect_as_signer
from tests.exchange.forging import ORIGIN
from tests.exchange.papers.conftest import YEAR, sources
from tests.queries.test_publications import publish
from tests.registers.world import World


async def packed(world: World) -> dict[str, bytes]:
    content = await registry.pack(sources(world), NAME, PaperRequest("2021"))
    assert await registry.pack(sources(world), NAME, PaperRequest("2021")) == content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {
            name.removeprefix(f"{NAME}-2021/"): archive.read(name)
            for name in archive.namelist()
        }


async def test_the_archive_lists_its_files_by_their_hashes(world: World) -> None:
    await publish(world, YEAR)

    files = await packed(world)

    index = files.pop("daftar-isi.csv").decode()
    assert files.pop("daftar-isi.pdf").startswith(b"%PDF-1.7")
    assert {"definisi.csv", "definisi.pdf", "prosedur-pengumpulan.pdf"} < {*files}
    assert {"figur.csv", "perubahan.csv", "daftar-konflik.csv"} < {*files}
    for name, content in files.items():
        assert f",{name}," in index
        assert sha256(content).hexdigest() in index
    assert not any(name.startswith("bukti/") for name in files)


async def test_the_steps_of_the_publication_are_proven_once_they_are_signed(
    world: World, database: Database, tmp_path: Path
) -> None:
    await publish(world, YEAR)
    home = SignerFolder(tmp_path / "signer")
    home.make_key(ORIGIN)
    assert database.signer_dsn is not None
    signer = await connect_as_signer(database.signer_dsn)
    await checkpoint_signing.sign(signer, home, ORIGIN)
    await signer.close()

    files = await packed(world)

    records = [name for name in files if name.endswith(".json")]
    assert len(records) == 4  # drafted, closed, reviewed, published
    for name in records:
        proof = tlog_proof.parse(files[name.replace(".json", ".tlog-proof")])
        proof.check(tree.leaf_hash(files[name]))
