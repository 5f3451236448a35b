import shutil
from importlib import resources
from pathlib import Path

import pytest

from ingest.reports.engine import Engine
from ingest.reports.rules.engine import RulesEngine, rules_version
from ingest.reports.stages import INPUTS, OUTPUTS, Categorisation, Phrase, ReportText, RewrittenReport, Stage, Strict
from schema.report import EngineName


class Always:
    """Gives every text one code."""

    model = "one"

    def categorise(self, text: str) -> Categorisation:  # noqa: ARG002
        return Categorisation(code="2d")


ASKED: dict[Stage, Strict] = {
    Stage.REWRITE: ReportText(sentences=()),
    Stage.EXTRACT: RewrittenReport(sentences=()),
    Stage.DESCRIBE: Phrase(text=""),
    Stage.CATEGORISE: Phrase(text=""),
}


@pytest.mark.parametrize("stage", Stage)
def test_each_stage_is_answered_in_its_type_and_has_a_version(stage: Stage) -> None:
    engine: Engine = RulesEngine()
    assert isinstance(ASKED[stage], INPUTS[stage])
    assert isinstance(engine.answer(stage, ASKED[stage]), OUTPUTS[stage])
    assert engine.version(stage) == rules_version()


def test_another_model_is_another_version_of_categories_alone() -> None:
    with_model = RulesEngine(Always())
    assert with_model.version(Stage.CATEGORISE) == f"{rules_version()} one"
    assert with_model.version(Stage.EXTRACT) == rules_version()


def test_another_word_is_another_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rules = shutil.copytree(Path(str(resources.files("ingest.reports.rules"))), tmp_path / "rules")
    monkeypatch.setattr("ingest.reports.rules.engine.resources.files", lambda _: rules)
    assert rules_version.__wrapped__() == rules_version()
    with (rules / "cues.toml").open("a") as words:
        words.write("# another\n")
    assert rules_version.__wrapped__() != rules_version()


def test_codes_come_from_the_categoriser_and_without_one_are_undecided() -> None:
    asked = Phrase(text="nodule")
    assert RulesEngine(Always()).answer(Stage.CATEGORISE, asked) == Categorisation(code="2d")
    assert RulesEngine().answer(Stage.CATEGORISE, asked) == Categorisation(code=None)


def test_it_is_no_model_and_repairs_nothing() -> None:
    engine = RulesEngine()
    assert (engine.name, engine.model, engine.can_repair) == (EngineName.RULES, "", False)


def test_an_input_of_another_stage_is_refused() -> None:
    with pytest.raises(TypeError, match="Phrase is no input of the stage rewrite"):
        RulesEngine().answer(Stage.REWRITE, Phrase(text=""))
