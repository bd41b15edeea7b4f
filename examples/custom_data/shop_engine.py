"""Engine module for `runner -e shop_engine`: what the models of the shop may call, and what they may keep."""

from __future__ import annotations

from shop import (
    ProductInfo,
    lookup_product_info,
    lookup_shipping_cost,
    product_info_from_dict,
    product_info_to_dict,
)

from spiffcli.engine import EngineConfig

engine = EngineConfig.spiff().extended(
    name="shop",
    functions={
        "lookup_product_info": lookup_product_info,
        "lookup_shipping_cost": lookup_shipping_cost,
    },
    types=[(ProductInfo, product_info_to_dict, product_info_from_dict)],
)
