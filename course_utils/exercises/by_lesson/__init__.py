"""The exercises themselves: one module a lesson, imported when a lesson's exercise is first asked for."""
