"""From a lesson's source to what a learner opens: reading, building, checking, running.

A lesson is one text file, `lessons/NN_slug.py` (jupytext's percent format). From it `notebooks/NN_slug.ipynb` is
built and executed; the text file is the source of truth, and CI fails when the notebook is not what it builds.
"""
