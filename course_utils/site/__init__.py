"""The course as a static site: `course site` builds it with Sphinx and MyST-NB, offline, and executes nothing.

places      where the notebooks treat a system, a term or a claim, and what they measured
notebooks   a committed notebook as the site shows it: with targets for links, without what needs a kernel
prose       what the data files and docstrings say, as Markdown
pages       the entry with the family tree, the ledger of claims, the glossary
reference   the API reference, read from the sources without importing them
build       all pages into a temporary folder, then Sphinx
settings    Sphinx's configuration
extension   what the site adds to Sphinx
"""
