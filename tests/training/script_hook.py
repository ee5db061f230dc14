"""A hook of a caller's own, named by test_script_process."""


def note(harness) -> None:
    harness.extra["hook"] = "was here"
