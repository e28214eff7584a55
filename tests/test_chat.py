"""The chat: template, forgetting, and that the model reads exactly what the template says."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.align.chat import Chat, Template, recent
from course_utils.models.gpt2 import GPT2, TINY

MARKS = Template(user=1, assistant=2, end=0)
ids = st.lists(st.integers(3, 9), min_size=1, max_size=4)


def test_the_prompt_holds_all_turns_and_ends_where_the_answer_begins():
    assert MARKS.prompt([], [7, 8]) == [1, 7, 8, 2]
    assert MARKS.prompt([([7], [5, 6]), ([8], [])], [9]) == [1, 7, 2, 5, 6, 0, 1, 8, 2, 0, 1, 9, 2]


@given(history=st.lists(st.tuples(ids, ids), max_size=6), request=ids, room=st.integers(6, 60))
def test_the_latest_turns_are_kept_as_many_as_fit(history, request, room):
    kept = recent(history, request, MARKS, room)
    n = len(kept)
    assert kept == history[len(history) - n :]
    assert len(MARKS.prompt(kept, request)) <= room
    if n < len(history):
        assert len(MARKS.prompt(history[len(history) - n - 1 :], request)) > room


def test_a_request_that_does_not_fit_alone_is_refused():
    with pytest.raises(ValueError, match="a prompt of 7 tokens, and there is room for 6"):
        recent([], [5, 5, 5, 5, 5], MARKS, room=6)


def test_each_answer_is_what_the_model_says_to_the_prompt_of_the_latest_turns():
    torch.manual_seed(0)
    model = GPT2(TINY).eval()
    chat = Chat(model, MARKS, window=24, max_new=5, temperature=1e-6)
    history = []
    for request in ([7, 8], [9], [10, 11, 12], [13], [14, 15]):
        prompt = MARKS.prompt(recent(history, request, MARKS, 19), request)
        expected = []
        for _ in range(5):
            token = int(model(torch.tensor([[*prompt, *expected]]))[0, -1].argmax())
            if token == MARKS.end:
                break
            expected.append(token)
        assert chat.say(request) == expected
        history.append((request, expected))
    assert chat.history == history


def test_the_window_leaves_room_for_the_answer():
    with pytest.raises(ValueError, match="max_new=20 of a window of 20 tokens"):
        Chat(GPT2(TINY), MARKS, window=20, max_new=20)
