"""The stop-watch of the benchmarks, on a clock that the test turns."""

import pytest

from course_utils import bench
from course_utils.bench import porter


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a side adds to it."""
    now = [100.0]
    monkeypatch.setattr(bench.time, "process_time", lambda: now[0])
    return now


def side(clock, log, name, seconds):
    """A side that takes the given seconds, one after the other."""
    seconds = iter(seconds)

    def run():
        log.append(name)
        clock[0] += next(seconds)

    return run


def test_sides_take_turns_and_every_second_round_is_reversed(clock):
    log = []
    sides = {"a": side(clock, log, "a", [4, 1, 2]), "b": side(clock, log, "b", [30, 30, 60])}
    timings = bench.compare(sides, rounds=3)
    assert "".join(log) == "abbaab"
    assert timings == {"a": (1, 2), "b": (30, 30)}
    assert (timings["a"].min, timings["a"].median) == (1, 2)


@pytest.mark.parametrize(("sides", "rounds"), [({}, 3), ({"a": print}, 0)])
def test_nothing_to_compare_is_refused(sides, rounds):
    with pytest.raises(ValueError, match="at least one"):
        bench.compare(sides, rounds)


def test_porter_reports_the_ratio_of_each_dialect(clock, monkeypatch, capsys):
    """NLTK takes four seconds a round and ours two, for three words."""
    seconds = {"Peer": 4.0, "Ours": 2.0}

    def over(words, stem):
        assert words == ["a", "b", "c"]
        name = "Ours" if isinstance(stem.__self__, porter.PorterStemmer) else "Peer"
        return side(clock, [], name, [seconds[name]] * 9)

    monkeypatch.setattr(porter, "wikipedia_source", lambda: "B a b C")
    monkeypatch.setattr(porter, "_over", over)
    porter.main()
    printed = capsys.readouterr().out
    assert printed.count("2.00") == 3
    assert all(name in printed for name in porter.NLTK_MODES)


def test_a_side_goes_over_every_word():
    seen = []
    porter._over(["a", "b"], seen.append)()
    assert seen == ["a", "b"]
