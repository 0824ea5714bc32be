"""Plans as JSON: a proposed one is kept with its run, because no file holds it; decides nothing."""

from collections.abc import Mapping

from domain.command import Action
from domain.ids import EnterpriseId, FacilityId, PlanId
from domain.plan import OnFailure, Plan, Step
from domain.words import Words
from wire.canonical import Json
from wire.fields import Fields


def plan_body(plan: Plan) -> dict[str, Json]:
    """Return the JSON form."""
    return {
        "id": plan.id,
        "zh": plan.words.zh,
        "en": plan.words.en,
        "enterprise": plan.enterprise,
        "receiving": list(plan.receiving),
        "steps": [
            {
                "id": step.id,
                "actuator": step.actuator,
                "action": step.action.value,
                "after": list(step.after),
                "on_failure": step.on_failure.value,
                "alternative": step.alternative,
            }
            for step in plan.steps
        ],
    }


def plan_of(fields: Fields) -> Plan:
    """Return the plan in `fields`. Raises RemoteProtocolError when it is none."""
    enterprise = fields.text_or_none("enterprise")
    return Plan(
        id=PlanId(fields.text("id")),
        words=Words(fields.text("zh"), fields.text("en")),
        enterprise=EnterpriseId(enterprise) if enterprise is not None else None,
        steps=tuple(_step(Fields(item)) for item in fields.sequence("steps") if isinstance(item, Mapping)),
        receiving=tuple(
            FacilityId(Fields.as_text("receiving", item)) for item in fields.sequence("receiving")
        ),
    )


def _step(fields: Fields) -> Step:
    return Step(
        id=fields.text("id"),
        actuator=FacilityId(fields.text("actuator")),
        action=fields.one_of("action", Action),
        after=tuple(Fields.as_text("after", item) for item in fields.sequence("after")),
        on_failure=fields.one_of("on_failure", OnFailure),
        alternative=fields.text_or_none("alternative"),
    )
