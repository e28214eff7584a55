"""`course doctor` finds what is planted missing, and says how to mend it."""

import importlib.util
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

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


def test_a_cache_folder_that_cannot_be_written_names_the_variable(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_writable", lambda folder: folder != doctor.cache_dir())
    assert "set COURSE_CACHE_DIR to a folder of yours" in mends(doctor.folders).values()


def test_a_check_that_fails_is_a_finding(monkeypatch):
    def broken():
        raise RuntimeError("inside")

    monkeypatch.setattr(doctor, "CHECKS", (broken,))
    (finding,) = doctor.examine()
    assert "inside" in finding.what
    assert finding.mend
