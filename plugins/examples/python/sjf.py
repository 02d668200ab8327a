"""Shortest job first, as a ranker: a job's rank is how long it may run, so one that may run for ever goes last."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.ranker import Candidate, Column


class Ranker(exports.Ranker):
    def configure(self, settings: list[tuple[str, str]]) -> list[tuple[str, str]]:
        for name, _ in settings:
            raise Err(f"unknown setting `{name}`: this plugin has none")
        return [("ranks", "fixed")]

    def rank(self, now: float, jobs: list[Candidate], columns: list[Column]) -> list[float]:
        return [job.walltime for job in jobs]
