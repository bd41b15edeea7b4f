"""The catalogue and the carrier of a pottery studio: ordinary Python that knows nothing of workflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GLAZES = ("white", "sand", "sea green", "midnight blue")


@dataclass(frozen=True, slots=True)
class ProductInfo:
    """What the studio knows about one of its products.

    Attributes:
        title: Name of the product for people.
        unit_price: Price of one piece in euros.
        colours: The glazes to choose from; empty where the product is not glazed.
    """

    title: str
    unit_price: float
    colours: tuple[str, ...] = ()


CATALOGUE = {
    "mug": ProductInfo("Mug, 350 ml", 18.50, GLAZES),
    "bowl": ProductInfo("Bowl, 18 cm across", 24.00, GLAZES),
    "vase": ProductInfo("Vase, 25 cm high", 46.25, GLAZES),
    "plate": ProductInfo("Plate, raw clay", 21.75),
    "teapot": ProductInfo("Teapot, smoke fired", 89.00),
}
POSTAGE = {"pickup": 0.00, "standard": 5.50, "express": 12.75}


def lookup_product_info(product: str) -> ProductInfo:
    """What the catalogue says about a product.

    Raises:
        ValueError: The catalogue has no such product.
    """
    try:
        return CATALOGUE[product]
    except KeyError:
        raise ValueError(f"no product '{product}' in the catalogue, only {', '.join(CATALOGUE)}") from None


def lookup_shipping_cost(method: str) -> float:
    """The price of a parcel in euros.

    Raises:
        ValueError: The carrier offers no such method.
    """
    try:
        return POSTAGE[method]
    except KeyError:
        raise ValueError(f"no shipping method '{method}', only {', '.join(POSTAGE)}") from None


def product_info_to_dict(info: ProductInfo) -> dict[str, Any]:
    """How a `ProductInfo` is stored: values that JSON knows."""
    return {"title": info.title, "unit_price": info.unit_price, "colours": list(info.colours)}


def product_info_from_dict(stored: dict[str, Any]) -> ProductInfo:
    """The `ProductInfo` that was stored."""
    return ProductInfo(stored["title"], stored["unit_price"], tuple(stored["colours"]))
