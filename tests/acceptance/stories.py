"""Every tutorial model as a story: what is added, who answers what, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PRICES, COSTS = "product_prices.dmn", "shipping_costs.dmn"

ADDRESS = {"recipient": "Ada", "street": "1 Kiln Lane", "postcode": "AB1 2CD", "city": "London"}


@dataclass(frozen=True, slots=True)
class Story:
    """One way through a model.

    Attributes:
        files: Sample models to add.
        answers: Answers by task id; a list for a task that comes up again.
        result: Some of the data at the end.
        order: The tasks in the order in which they come up.
    """

    key: str
    files: tuple[str, ...]
    answers: Mapping[str, Any]
    result: Mapping[str, Any]
    order: tuple[str, ...]
    collaboration: bool = False
    options: tuple[str, ...] = field(default=())


_ORDER = (
    "select_product_and_quantity",
    "select_colour",
    "select_shipping_method",
    "enter_shipping_address",
    "review_order",
)
_MUG = {
    "select_product_and_quantity": {"product": "mug", "quantity": 2},
    "select_colour": {"colour": "sand"},
    "select_shipping_method": {"shipping_method": "express"},
    "enter_shipping_address": ADDRESS,
    "review_order": {},
}
_MUG_RESULT = {"colour": "sand", "unit_price": 18.5, "shipping_cost": 12.75, "order_total": 49.75, "city": "London"}
_PLATE = {name: answer for name, answer in _MUG.items() if name != "select_colour"} | {
    "select_product_and_quantity": {"product": "plate", "quantity": 1}
}

STORIES = {
    "task types": Story(
        "order_product",
        ("task_types.bpmn", PRICES),
        {"select_product_and_quantity": {"product": "mug", "quantity": 2}, "review_order": {}},
        {"product": "mug", "quantity": 2, "unit_price": 18.5, "order_total": 37.0},
        ("select_product_and_quantity", "review_order"),
    ),
    "gateway types": Story("order_product", ("gateway_types.bpmn", PRICES, COSTS), _MUG, _MUG_RESULT, _ORDER),
    "gateway types without a colour": Story(
        "order_product",
        ("gateway_types.bpmn", PRICES, COSTS),
        _PLATE,
        {"order_total": 34.5},
        tuple(name for name in _ORDER if name != "select_colour"),
    ),
    "call activity": Story(
        "order_product", ("top_level.bpmn", "call_activity.bpmn", PRICES, COSTS), _MUG, _MUG_RESULT, _ORDER
    ),
    "custom functions and types": Story(
        "order_product",
        ("top_level_script.bpmn", "call_activity_script.bpmn"),
        _MUG,
        {
            "product_info": {
                "title": "Mug, 350 ml",
                "unit_price": 18.5,
                "colours": ["white", "sand", "sea green", "midnight blue"],
            }
        },
        _ORDER,
        options=("-e", "shop_engine"),
    ),
    "lanes": Story(
        "handle_return",
        ("lanes.bpmn",),
        {
            "describe_damage": [{"damage": "broken"}, {"damage": "along the rim", "photo_attached": True}],
            "judge_claim": [{"verdict": "ask again", "question": "Where?"}, {"verdict": "refund"}],
        },
        {"damage": "along the rim", "verdict": "refund"},
        ("describe_damage", "judge_claim", "describe_damage", "judge_claim"),
    ),
    "multi-instance": Story(
        "pack_large_order",
        ("multi_instance.bpmn",),
        {
            "pack_box": [{"box_weight": 5.5}, {"box_weight": 4.5}, {"box_weight": 1.5}],
            "hand_over_box": [{"receipt": "0001"}, {"receipt": "0002"}, {"receipt": "0003"}],
        },
        {"box_weights": [5.5, 4.5, 1.5], "receipts": ["0001", "0002", "0003"]},
        ("pack_box",) * 3 + ("hand_over_box",) * 3,
    ),
    "data objects": Story(
        "mix_glaze",
        ("data_objects.bpmn",),
        {"choose_glaze": {"glaze": "celadon", "litres": 5}, "stir_and_sieve": {}},
        {"label": "celadon, 10000 g"},
        ("choose_glaze", "stir_and_sieve"),
    ),
    "transaction": Story(
        "book_course",
        ("transaction.bpmn",),
        {"pay_deposit": {"paid": True}, "send_ticket": {}},
        {"seat_held": True, "paid": True},
        ("pay_deposit", "send_ticket"),
    ),
    "transaction that is cancelled": Story(
        "book_course",
        ("transaction.bpmn",),
        {"pay_deposit": {"paid": False}},
        {"outcome": "seat released"},
        ("pay_deposit",),
    ),
    "event sub-process": Story(
        "throw_commission",
        ("event_subprocess.bpmn",),
        {"agree_on_shape": {"shape": "slim", "height_cm": 30}, "throw_vase": {}, "fire_vase": {}},
        {"shape": "slim", "height_cm": 30},
        ("agree_on_shape", "throw_vase", "fire_vase"),
    ),
    "collaboration": Story(
        "commission",
        ("collaboration.bpmn",),
        {
            "describe_wish": {"customer": "Ada", "wish": "a blue teapot"},
            "estimate_price": {"price": 80},
            "decide_on_offer": {"accepted": True},
            "make_piece": {},
        },
        {},
        ("describe_wish", "estimate_price", "decide_on_offer", "make_piece"),
        collaboration=True,
    ),
}
