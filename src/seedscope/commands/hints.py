"""Say what is wrong with a command line, and what is nearest to what was meant.

Hydra's messages are for people who write configurations: several lines, without the
nearest key, sometimes without the word that is wrong.
"""

import re
from collections.abc import Callable, Collection, Sequence

from seedscope.study.target import nearest

WORD = re.compile(r"\+{0,2}[A-Za-z_]\w*([./@][\w-]+)*=|~[A-Za-z_][\w./@]*")
EMPTY = re.compile(r"([\w.]+)=\{\s*\}")
SHOWN = 12  # files of a group that are listed


def check_words(words: Sequence[str]) -> None:
    """Refuse words that are no overrides, and those that change nothing."""
    for word in words:
        if not WORD.match(word):
            raise ValueError(f"{word}: write key=value, such as loop.epochs=3")
        if empty := EMPTY.fullmatch(word):
            raise ValueError(
                f"{word} changes nothing, since mappings are merged; leave it out, or "
                f"take a key of {empty[1]} away with ~{empty[1]}.<key>"
            )


def check_several(several: Sequence[str], flags: Sequence[str]) -> None:
    """Refuse several values of a key where no sweep was asked for."""
    if several and not {"-m", "--multirun"} & set(flags):
        raise ValueError(
            f"{' '.join(several)}: several values; add -m to train one after the "
            "other, or write a list: [a,b]"
        )


def check_flags(flags: Sequence[str], known: Collection[str]) -> None:
    """Refuse flags that Hydra does not have."""
    for flag in flags:
        name = flag.partition("=")[0]
        if flag.startswith("-") and name not in known:
            raise ValueError(f"{flag}: there is no such flag{nearest(name, known)}")


def unreadable(word: str) -> str:
    """Say that Hydra's grammar does not take a word."""
    return (
        f"{word}: this cannot be read; write key=value, and quote a value that holds "
        "spaces, brackets or quotes: \"key='a b'\""
    )


def hint(
    said: str,
    words: Sequence[str],
    keys: Callable[[], Collection[str]],
    works: Callable[[Sequence[str]], bool],
) -> str:
    """Return one line for a message of Hydra.

    Args:
        said: the message.
        words: the overrides.
        keys: returns every key that there is.
        works: tells whether other overrides can be composed.
    """
    if found := re.search(r"(?:not override|delete from config\.) '([^']+)'", said):
        return _no_key(found[1], keys())
    if found := re.search(r"Could not find '([\w/]+)/([^'/]*)'", said):
        return _no_file(found[1], found[2], said)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    line = " ".join(line for line in lines if not line.startswith(("See", "Set the")))
    if "Config group override" in line:
        line = "this must be the name of a file in conf/"
    named = any(word.partition("=")[0].lstrip("+~") in line for word in words)
    return line if named else f"{_culprit(words, works)}: {line}"


def _no_key(key: str, known: Collection[str]) -> str:
    above, _, last = key.rpartition(".")
    beside = [name.rpartition(".")[2] for name in known if _above(name) == above]
    if above and beside:
        found = nearest(last, beside)
        mend = found.replace("mean ", f"mean {above}.") or (
            f"; {above} has {', '.join(beside)}"
        )
        if above in ("data", "model", "optimizer"):
            mend += f"; an argument of your own function is added with +{key}=..."
        return f"{key}: there is no such key{mend}"
    ends = [name for name in known if name.rpartition(".")[2] == last]
    meant = f"; did you mean {ends[0]}?" if ends else nearest(key, known)
    return f"{key}: there is no such key{meant or '; --cfg job lists them all'}"


def _above(key: str) -> str:
    return key.rpartition(".")[0]


def _no_file(group: str, name: str, said: str) -> str:
    listed = said.partition("Available options in")[2].splitlines()[1:]
    there = [line.strip() for line in listed if re.match(r"\s+\S+$", line)]
    some = ", ".join(there[:SHOWN]) + (", ..." if len(there) > SHOWN else "")
    mend = nearest(name, there) or f"; it has {some}"
    return f"{group}={name}: there is no such file in conf/{group}{mend}"


def _culprit(words: Sequence[str], works: Callable[[Sequence[str]], bool]) -> str:
    """Return the word without which the rest can be composed, or all of them."""
    for number, word in enumerate(words):
        if works([*words[:number], *words[number + 1 :]]):
            return word
    return " ".join(words)
