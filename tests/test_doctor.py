"""`course doctor` finds what is planted missing, and says how to mend it."""

import importlib.util
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

from course_utils.data import downloadable
from course_utils.data._cache import kept_on_disk
from course_utils.toolchain import doctor


def mends(check) -> dict[str, str]:
    return {finding.what: finding.mend for finding in check() if not finding.ok}


def test_a_healthy_machine_has_no_serious_finding():
    assert [finding.what for finding in doctor.examine() if finding.mend and finding.serious] == []


@pytest.mark.parametrize(
    ("found", "what"),
    [(PackageNotFoundError("gensim"), "gensim is missing"), ("1.0", "gensim 1.0 is too old, >=4.4 is needed")],
)
def test_a_package_that_is_missing_or_old_is_named(monkeypatch, found, what):
    def look_up(name):
        if name != "gensim":
            return version(name)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(doctor, "version", look_up)
    assert mends(doctor.packages) == {what: doctor.REINSTALL.format("gensim")}


@pytest.mark.parametrize("numbers", [(3, 10, 9), (3, 14, 0)])
def test_a_python_that_does_not_fit_is_named(monkeypatch, numbers):
    monkeypatch.setattr(sys, "version_info", numbers)
    assert any("3.11, 3.12 or 3.13" in mend for mend in mends(doctor.python).values())


def test_torch_that_does_not_load_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (what,) = mends(doctor.torch)
    assert what.startswith("torch cannot be loaded")


def test_a_corpus_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert len(mends(doctor.corpora)) == 3


def test_a_folder_that_cannot_be_written_names_the_variable(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    ((what, mend),) = mends(doctor.folders).items()
    assert (
        what
        == f"the cache folder {tmp_path}/file/cache cannot be written (Not a directory); the lessons run without it"
    )
    assert mend == "set COURSE_CACHE_DIR to a folder of yours"


def test_what_in_the_cache_is_of_no_use_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    assert list(doctor.cache()) == []
    kept_on_disk("words", "1", lambda: ["a"])
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / ".other.lock").touch()
    assert mends(doctor.cache) == {}
    whole = (tmp_path / "words-1.json").read_text(encoding="utf-8")
    (tmp_path / "words-0.json").write_text('["of a version without checksums"]', encoding="utf-8")
    (tmp_path / "words-2.json").write_text(whole[:-1], encoding="utf-8")
    (tmp_path / "words-3.jsonx7c").write_text(whole[:5], encoding="utf-8")
    (tmp_path / "downloads" / downloadable()["tinyshakespeare"].file).write_text("to be", encoding="utf-8")
    faults = {what.removeprefix(f"{tmp_path}/").replace(" and is never used", "") for what in mends(doctor.cache)}
    assert faults == {
        "words-0.json is damaged",
        "words-2.json is damaged",
        "words-3.jsonx7c was left half-written",
        "downloads/tinyshakespeare.txt is not the published file (it has 5 bytes, the published file has 1,115,394)",
    }


def test_a_check_that_fails_is_a_finding(monkeypatch):
    def broken():
        raise RuntimeError("inside")

    monkeypatch.setattr(doctor, "CHECKS", (broken,))
    (finding,) = doctor.examine()
    assert "inside" in finding.what
    assert finding.mend
