"""Where the configuration lies and where results go: in a checkout, or installed.

A checkout has conf/ beside src/ and keeps its store in the project folder. The
installed package carries conf/ inside and keeps its store where it is called.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_ROOT = _PACKAGE.parents[1]
CHECKOUT = _ROOT if (_ROOT / "MLproject").is_file() else None


def conf() -> Path:
    """Return the folder with every default: conf/."""
    return _ROOT / "conf" if CHECKOUT else _PACKAGE / "conf"


def home() -> Path:
    """Return the folder that holds the default store."""
    return CHECKOUT or Path.cwd()
