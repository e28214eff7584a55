"""From raw text to units: word tokens and case, stems and lemmas, sub-word tokenisers."""
