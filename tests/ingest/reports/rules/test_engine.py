import pytest

from ingest.reports.engine import Engine
from ingest.reports.rules.engine import RulesEngine
from ingest.reports.stages import INPUTS, OUTPUTS, Categorisation, Phrase, ReportText, RewrittenReport, Stage, Strict
from schema.report import EngineName


class Always:
    """Gives every text one code."""

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
    assert engine.version(stage)


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
