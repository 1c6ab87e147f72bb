"""Sentiment of English texts by words and rules: those that Hutto and Gilbert published as VADER (ICWSM 2014).

The rules, their constants and the words that strengthen, weaken and negate are VADER's; the words with valences beside this
(``sentiment_words.txt``) are a smaller list of our own on VADER's scale of -4 to 4. VADER is under the MIT licence,
Copyright (c) 2016 C.J. Hutto.
"""

from __future__ import annotations

import math
import os
import string
from dataclasses import dataclass

from pipeline_algorithms import Cost, Input, InvalidInput, Parameters, Result, algorithm

_INCREASE, _CAPITALS, _NEGATION, _ALPHA = 0.293, 0.733, -0.74, 15.0
_TEXTS_MAX, _CHARACTERS_MAX = 100_000, 100_000

_STRONGER = frozenset("""
absolutely amazingly awfully completely considerable considerably decidedly deeply effing enormous enormously entirely especially exceptional
exceptionally extreme extremely fabulously flippin flipping frackin fracking frickin fricking friggin frigging fuckin fucking fully greatly hella
highly hugely incredible incredibly intensely major majorly more most particularly purely quite really remarkably so substantially thoroughly
total totally tremendous tremendously uber unbelievably unusually utter utterly very
""".split())  # fmt: skip
_WEAKER = frozenset("""
almost barely hardly kinda kindof kind-of less little marginal marginally occasional occasionally partly scarce scarcely slight slightly
somewhat sorta sortof sort-of
""".split()) | {"kind of", "sort of", "just enough"}  # fmt: skip
_NEGATING = frozenset("""
aint arent cannot cant couldnt darent despite didnt doesnt dont hadnt hasnt havent isnt mightnt mustnt neednt never none nope nor not nothing
nowhere oughtnt rarely seldom shant shouldnt uhuh wasnt werent without wont wouldnt
""".split())  # fmt: skip
_IDIOMS = {"the bomb": 3.0, "bad ass": 1.5, "bus stop": 0.0, "yeah right": -2.0, "kiss of death": -1.5, "to die for": 3.0, "hand to mouth": -2.0}


def _lexicon() -> dict[str, float]:
    words: dict[str, float] = {}
    with open(os.path.join(os.path.dirname(__file__), "sentiment_words.txt"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("# "):
                valence, *same = line.split()
                words.update((word, float(valence)) for word in same)
    return words


LEXICON = _lexicon()


@dataclass(frozen=True)
class Scores:
    """Shares of negative, neutral and positive words, and the compound from -1 to 1."""

    neg: float
    neu: float
    pos: float
    compound: float


@algorithm(
    version="1.0",
    parameters={"language": {"type": "string", "enum": ["en"], "default": "en", "description": "English alone"}},
    reads=("texts",),
    cost=Cost(fixed_ms=2, per_value_us=50),
    source="Hutto and Gilbert 2014 (VADER's rules, over a word list of our own: not VADER's lexicon)",
    complexity="O(m), m characters of all texts",
)
def sentiment_analysis(given: Input, params: Parameters) -> Result:
    """Sentiment of English texts: shares neg, neu, pos and the compound of each, and how many are negative (≤ -0.05) or positive (≥ 0.05)."""
    texts = given.texts
    if not texts:
        raise InvalidInput("at least one text is needed")
    if len(texts) > _TEXTS_MAX:
        raise InvalidInput(f"at most {_TEXTS_MAX} texts; there are {len(texts)}")
    for place, text in enumerate(texts):
        if not isinstance(text, str) or len(text) > _CHARACTERS_MAX:
            raise InvalidInput(f"text {place} is {'longer than ' + str(_CHARACTERS_MAX) + ' characters' if isinstance(text, str) else 'no text'}")
    scores = [score(text) for text in texts]
    compounds = [s.compound for s in scores]
    return {
        "scores": [vars(s) for s in scores],
        "mean_compound": math.fsum(compounds) / len(compounds),
        "positive": sum(c >= 0.05 for c in compounds),
        "negative": sum(c <= -0.05 for c in compounds),
        "neutral": sum(-0.05 < c < 0.05 for c in compounds),
        "language": params["language"],
        "n": len(texts),
    }


def score(text: str) -> Scores:
    words = [_bare(token) for token in text.split()]
    lower = [word.lower() for word in words]
    shouted = sum(word.isupper() for word in words)
    emphasis = 0 < shouted < len(words)
    valences = [_valence(words, lower, i, emphasis) for i in range(len(words))]
    if "but" in lower:
        turn = lower.index("but")
        valences = [v * (0.5 if i < turn else 1.5 if i > turn else 1.0) for i, v in enumerate(valences)]
    return _scored(valences, text)


def _bare(token: str) -> str:
    # What has at most two characters without its punctuation is likely an emoticon.
    bare = token.strip(string.punctuation)
    return bare if len(bare) > 2 else token


def _valence(words: list[str], lower: list[str], i: int, emphasis: bool) -> float:
    word = lower[i]
    if word in _STRONGER or word in _WEAKER or word not in LEXICON or lower[i : i + 2] == ["kind", "of"]:
        return 0.0
    valence = LEXICON[word]
    if word == "no" and i + 1 < len(lower) and lower[i + 1] in LEXICON:
        valence = 0.0
    if "no" in lower[max(0, i - 2) : i] or (i > 2 and lower[i - 3] == "no" and lower[i - 1] in ("or", "nor")):
        valence = LEXICON[word] * _NEGATION
    if emphasis and words[i].isupper():
        valence += math.copysign(_CAPITALS, valence)
    for distance in (1, 2, 3):
        if i >= distance and lower[i - distance] not in LEXICON:
            valence += _modifier(words[i - distance], valence, emphasis) * (1.0, 0.95, 0.9)[distance - 1]
            valence = _negated(valence, lower, distance, i)
            if distance == 3:
                valence = _idiom(valence, lower, i)
    if i > 0 and lower[i - 1] == "least" and "least" not in LEXICON and (i == 1 or lower[i - 2] not in ("at", "very")):
        valence *= _NEGATION
    return valence


def _modifier(word: str, valence: float, emphasis: bool) -> float:
    scalar = _INCREASE if word.lower() in _STRONGER else -_INCREASE if word.lower() in _WEAKER else 0.0
    if scalar == 0:
        return 0.0
    if valence < 0:
        scalar = -scalar
    if emphasis and word.isupper():
        scalar += _CAPITALS if valence > 0 else -_CAPITALS
    return scalar


def _negated(valence: float, lower: list[str], distance: int, i: int) -> float:
    word, between = lower[i - distance], lower[i - distance + 1 : i]
    if distance > 1 and word == "never" and ("so" in between or "this" in between):
        return valence * 1.25
    if distance > 1 and word == "without" and "doubt" in between:
        return valence
    return valence * _NEGATION if word.replace("'", "") in _NEGATING or "n't" in word else valence


def _idiom(valence: float, lower: list[str], i: int) -> float:
    grams = [(i - 1, i + 1), (i - 2, i + 1), (i - 2, i), (i - 3, i), (i - 3, i - 1), (i, i + 2), (i, i + 3)]
    for start, end in grams:
        phrase = " ".join(lower[start:end])
        if phrase in _IDIOMS:
            valence = _IDIOMS[phrase]
            break
    for start, end in ((i - 3, i), (i - 3, i - 1), (i - 2, i)):
        if " ".join(lower[start:end]) in _WEAKER:
            valence -= _INCREASE
    return valence


def _scored(valences: list[float], text: str) -> Scores:
    if not valences:
        return Scores(0.0, 0.0, 0.0, 0.0)
    questions = text.count("?")
    loudness = min(text.count("!"), 4) * 0.292 + (0.0 if questions < 2 else questions * 0.18 if questions <= 3 else 0.96)
    total = math.fsum(valences)
    if total != 0:
        total += math.copysign(loudness, total)
    compound = max(-1.0, min(1.0, total / math.sqrt(total * total + _ALPHA)))
    positive = sum(v + 1 for v in valences if v > 0)
    negative = sum(v - 1 for v in valences if v < 0)
    neutral = sum(v == 0 for v in valences)
    if positive > -negative:
        positive += loudness
    elif positive < -negative:
        negative -= loudness
    whole = positive - negative + neutral
    return Scores(round(-negative / whole, 3), round(neutral / whole, 3), round(positive / whole, 3), round(compound, 4))
