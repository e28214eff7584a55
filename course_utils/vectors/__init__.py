"""Vectors of words, from the words around them: word2vec and GloVe."""

import course_utils._torch  # noqa: F401 - says what to do where torch is missing
