"""Vectors of words, from the words around them: word2vec and GloVe."""
