"""Log verdicts on claims: one run that holds the latest ones, and each study's own."""

from seedscope.store.results import LONGEST_NOTE, NOTE
from seedscope.store.store import Store, search, told

NAME = "claims"


def log_claims(store: Store, text: str, numbers: str) -> str:
    """Replace the verdicts that the experiment holds; return where they are.

    Args:
        store: where the studies are.
        text: the verdicts as Markdown.
        numbers: the same as CSV, unrounded.

    Raises:
        ValueError: the store cannot be written to.
    """
    client, experiment = store.client, store.experiment.experiment_id
    then = "; set output=<folder> to keep them as files"
    with told(store, "the verdicts could not be stored in", then):
        found = search(store, "tags.`seedscope.role` = 'claims'")
        if found:
            run_id = found[0].info.run_id
        else:
            tags = {"seedscope.role": "claims"}
            made = client.create_run(experiment, run_name=NAME, tags=tags)
            run_id = made.info.run_id
        client.log_text(run_id, text, f"{NAME}.md")
        client.log_text(run_id, numbers, f"{NAME}.csv")
        client.set_tag(run_id, NOTE, text[:LONGEST_NOTE])
        client.set_terminated(run_id)
        return f"{client.get_run(run_id).info.artifact_uri}/{NAME}.md"


def log_claims_of_study(store: Store, study_id: str, text: str) -> None:
    """Keep the verdicts that a study decides with the study."""
    store.client.log_text(study_id, text, f"{NAME}.md")
