"""Where to click: addresses of a study in the MLflow UI.

A fresh browser shows MLflow's view of language models; these open the training view.
"""

from urllib.parse import quote, urlsplit, urlunsplit

from seedscope.store.store import Store, quoted
from seedscope.study.secrets import redacted

VIEW = "workflowType=machine_learning"
LOCAL = "http://127.0.0.1:5000"  # where `mlflow ui` answers


def start_command(store: Store) -> str | None:
    """Return the command that shows a local store; none for a tracking server."""
    if store.uri.startswith("http"):
        return None
    return f"mlflow ui --backend-store-uri {redacted(store.uri)}"


def server(store: Store) -> str:
    """Return the address of the UI that shows a store."""
    return _base(store.uri) if store.uri.startswith("http") else LOCAL


def links(store: Store, study_id: str, name: str) -> list[tuple[str, str]]:
    """Return (what, address): the study, the charts of its runs, all studies.

    Args:
        store: where the study is.
        study_id: its MLflow run.
        name: its name.
    """
    place = f"{server(store)}/#/experiments/{store.experiment.experiment_id}/runs"
    of_study = "tags.`seedscope.role` = 'run' and tags.`seedscope.study` = "
    runs, studies = of_study + quoted(name), "tags.`seedscope.role` = 'study'"
    charts = f"searchFilter={quote(runs, safe='')}&compareRunsMode=CHART"
    return [
        ("study", f"{place}/{study_id}?{VIEW}"),
        ("charts", f"{place}?{VIEW}&{charts}"),
        ("studies", f"{place}?{VIEW}&searchFilter={quote(studies, safe='')}"),
    ]


def picture(study_id: str, path: str) -> str:
    """Return the address of an artifact as the UI's own pages reach it."""
    return f"get-artifact?path={quote(path, safe='')}&run_uuid={study_id}"


def _base(uri: str) -> str:
    """Return a server's address without user and password."""
    parts = urlsplit(uri)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))
