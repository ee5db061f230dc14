"""Keep a verification as one MLflow run: its certificate, its page, its numbers."""

import json
import platform
from collections.abc import Mapping
from typing import Any

from mlflow import artifacts
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from seedscope.store.results import LONGEST_NOTE, NOTE
from seedscope.store.store import Store

ROLE = "verify"
CERTIFICATE = "certificate.json"
LONGEST = 500  # characters of a tag or parameter that every store takes


def log_verification(
    store: Store,
    name: str,
    certificate: Mapping[str, Any],
    numbers: Mapping[str, float],
    note: str,
    page: str,
) -> str:
    """Log a verification and return the id of its run.

    Args:
        store: where.
        name: of the program.
        certificate: as it is written to a file.
        numbers: what is compared between verifications.
        note: Markdown, shown on the run's page.
        page: the whole page as HTML.

    Raises:
        ValueError: the store cannot be written to.
    """
    client, experiment = store.client, store.experiment.experiment_id
    tags = {
        "seedscope.role": ROLE,
        "seedscope.repeats": "agree" if certificate["agree"] else "differ",
        "hardware.cpu": certificate["machine"]["hardware.cpu"],
        "hardware.host": platform.node(),
        NOTE: note[:LONGEST_NOTE],
    }
    where = certificate.get("where") or {}
    tags |= {f"seedscope.where.{k}": str(v)[:LONGEST] for k, v in where.items() if v}
    settings = certificate["program"]["settings"]
    try:
        made = client.create_run(experiment, run_name=f"verify {name}", tags=tags)
        run_id = made.info.run_id
        client.log_batch(
            run_id,
            metrics=[
                Metric(k, float(v), made.info.start_time, 0) for k, v in numbers.items()
            ],
            params=[Param(k, str(v)[:LONGEST]) for k, v in settings.items()],
        )
        client.log_text(run_id, json.dumps(certificate, indent=1), CERTIFICATE)
        client.log_text(run_id, page, "verification.html")
        client.set_terminated(run_id)
    except (MlflowException, OSError) as error:
        raise ValueError(
            f"the verification could not be stored in {store.uri}: {error}; set "
            "output=<folder> to keep it as files"
        ) from error
    return run_id


def read_certificate(store: Store, run_id: str) -> str:
    """Return the certificate that a run of verify holds.

    Raises:
        ValueError: there is no such run, or it holds none.
    """
    try:
        uri = store.client.get_run(run_id).info.artifact_uri
        return artifacts.load_text(f"{uri}/{CERTIFICATE}")
    except (MlflowException, OSError) as error:
        raise ValueError(
            f"against={run_id}: neither a file nor a run of verify in {store.uri}: "
            f"{str(error).splitlines()[0]}"
        ) from None
