"""Colours, styles and colour maps."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from rustorch import _C

Color = Union[str, int, Sequence[float]]

# Okabe and Ito, "Color universal design" (2008): told apart by the colour-blind; in an order that also differs in brightness.
_OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#404040")
# The same hues, brighter, for a dark background.
_OKABE_ITO_DARK = ("#56b4e9", "#f28e4b", "#2fc49a", "#e39bc4", "#f0b429", "#8ea7ff", "#c8ccd2")

_NAMED = {
    "black": "#000000", "white": "#ffffff", "gray": "#808080", "grey": "#808080", "silver": "#c0c0c0", "red": "#ff0000",
    "green": "#008000", "blue": "#0000ff", "cyan": "#00ffff", "magenta": "#ff00ff", "yellow": "#ffff00", "orange": "#ffa500",
    "purple": "#800080", "brown": "#a52a2a", "pink": "#ffc0cb", "olive": "#808000", "navy": "#000080", "teal": "#008080",
    "maroon": "#800000", "lime": "#00ff00", "gold": "#ffd700", "salmon": "#fa8072", "coral": "#ff7f50", "crimson": "#dc143c",
    "indigo": "#4b0082", "violet": "#ee82ee", "turquoise": "#40e0d0", "tomato": "#ff6347", "steelblue": "#4682b4",
    "skyblue": "#87ceeb", "darkblue": "#00008b", "darkred": "#8b0000", "darkgreen": "#006400", "darkorange": "#ff8c00",
    "lightgray": "#d3d3d3", "lightgrey": "#d3d3d3", "darkgray": "#a9a9a9", "darkgrey": "#a9a9a9", "lightblue": "#add8e6",
    "lightgreen": "#90ee90", "r": "#ff0000", "g": "#008000", "b": "#0000ff", "c": "#00bfbf", "m": "#bf00bf", "y": "#bfbf00",
    "k": "#000000", "w": "#ffffff", "tab:blue": "#1f77b4", "tab:orange": "#ff7f0e", "tab:green": "#2ca02c",
    "tab:red": "#d62728", "tab:purple": "#9467bd", "tab:brown": "#8c564b", "tab:pink": "#e377c2", "tab:gray": "#7f7f7f",
    "tab:olive": "#bcbd22", "tab:cyan": "#17becf", "none": "#00000000", "transparent": "#00000000",
}  # fmt: skip


def rgba(color: Color, alpha: Optional[float] = None, palette: Sequence[str] = _OKABE_ITO) -> int:
    """A colour as 0xRRGGBBAA: a name, "#rgb", "#rrggbb", "#rrggbbaa", "C0" … of the palette, or 3 or 4 numbers from 0 to 1."""
    if isinstance(color, str):
        text = color.strip().lower()
        if re.fullmatch(r"c\d+", text):
            text = palette[int(text[1:]) % len(palette)]
        text = _NAMED.get(text, text)
        if re.fullmatch(r"#[0-9a-f]{3}", text):
            text = "#" + "".join(digit * 2 for digit in text[1:])
        if not re.fullmatch(r"#([0-9a-f]{6}|[0-9a-f]{8})", text):
            raise _C.ArgumentValueError(
                f"{color!r} is no colour: give a name such as 'steelblue', '#rrggbb', 'C0' to 'C9', or three numbers from 0 to 1"
            )
        value = int(text[1:].ljust(8, "f"), 16)
    else:
        try:
            parts = [float(part) for part in color]  # type: ignore[union-attr]
        except TypeError:
            raise _C.ArgumentTypeError(f"{color!r} is no colour: a str or three or four numbers are needed") from None
        if len(parts) not in (3, 4) or not all(0 <= part <= 1 for part in parts):
            raise _C.ArgumentValueError(f"{color!r} is no colour: three or four numbers from 0 to 1 are needed")
        value = 0
        for part in (*parts, 1.0)[:4]:
            value = value << 8 | round(part * 255)
    if alpha is not None:
        value = (value & ~255) | round((value & 255) * _part("alpha", alpha))
    return value


def _part(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise _C.ArgumentValueError(f"{name} must be from 0 to 1, not {value!r}")
    return float(value)


def is_light(color: int) -> bool:
    """Whether dark text reads better on it than light text (relative luminance, WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (((color >> s) & 255) / 255 for s in (24, 16, 8))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18


# Styles ---------------------------------------------------------------------------------------------------------------

_LIGHT: Dict[str, Any] = {
    "background": "#ffffff", "frame": "#ffffff", "ink": "#21262e", "muted": "#555c66", "faint": "#e3e6ea", "palette": _OKABE_ITO,
    "grid": True, "font": "DejaVu Sans, Noto Sans, Sans", "text": 10.0, "line_width": 1.6,
}  # fmt: skip
STYLES: Dict[str, Dict[str, Any]] = {
    "default": _LIGHT,
    "dark": {
        **_LIGHT, "background": "#16191f", "frame": "#1d2129", "ink": "#f0f2f5", "muted": "#b3bac4", "faint": "#343a45",
        "palette": _OKABE_ITO_DARK,
    },
    "minimal": {**_LIGHT, "grid": False},
    "ggplot": {**_LIGHT, "frame": "#ebebeb", "faint": "#ffffff"},
    "print": {**_LIGHT, "ink": "#000000", "muted": "#000000", "faint": "#d9d9d9", "palette": ("#000000", "#7a7a7a", "#b5b5b5", "#4d4d4d")},
    "talk": {**_LIGHT, "text": 13.0, "line_width": 2.4},
}  # fmt: skip
_current = dict(_LIGHT)


def style_of(style: Union[str, Mapping[str, Any], None]) -> Dict[str, Any]:
    """All settings of a style: a name, a mapping of changes to the one in force, or None for the one in force."""
    if style is None or (isinstance(style, str) and style == "default"):
        return dict(_current)
    if isinstance(style, str):
        if style not in STYLES:
            raise _C.ArgumentValueError(f"there is no plot style {style!r}: the styles are {', '.join(STYLES)}")
        return dict(STYLES[style])
    unknown = [key for key in style if key not in _LIGHT]
    if unknown:
        raise _C.ArgumentValueError(f"a plot style has no setting {unknown[0]!r}: the settings are {', '.join(_LIGHT)}")
    return {**_current, **style}


def set_plot_style(style: Union[str, Mapping[str, Any]] = "default", **changes: Any) -> None:
    """Set the style of every figure that asks for no other.

    Parameters
    ----------
    style : str or mapping, default "default"
        ``"default"``, ``"dark"``, ``"minimal"`` (no grid), ``"ggplot"`` (grey frame), ``"print"`` (black and greys) or ``"talk"``
        (large letters and lines); or a mapping of settings.
    **changes
        Settings that differ from it: the colours ``background``, ``frame``, ``ink`` (titles), ``muted`` (axes) and ``faint`` (grid),
        ``palette`` (a sequence of colours), ``grid`` (bool), ``font`` (families, separated by commas), ``text`` (points, 10) and
        ``line_width`` (points, 1.6).

    Raises
    ------
    ArgumentValueError
        There is no such style or setting.

    Example
    -------
    >>> from rustorch.visualization import set_plot_style
    >>> set_plot_style("dark", text=11)
    >>> set_plot_style("default")
    """
    base = STYLES[style] if isinstance(style, str) and style in STYLES else style_of(style)
    found = style_of({**base, **changes})
    for key in ("background", "frame", "ink", "muted", "faint"):
        rgba(found[key])
    for color in found["palette"]:
        rgba(color)
    _current.clear()
    _current.update(found)


# Colour maps ----------------------------------------------------------------------------------------------------------

# Colours at equal distances. viridis, plasma, inferno and magma: van der Walt and Smith (2015, CC0); cividis: Nuñez, Anderton
# and Renslow (2018); turbo: Mikhailov (2019, Apache 2.0); coolwarm: Moreland (2009); those from "blues" on: ColorBrewer
# (Harrower and Brewer, 2003, Apache 2.0).
_MAPS = {
    "viridis": (
        "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a3a538b38598c355e8d33638d31688e2e6d8e2c718e2a768e"
        "297b8e27808e25848e23898e218e8d20928c1f978b1e9c891fa18821a58524aa8328ae802eb37c35b7793dbc7446c06f50c46a5ac86465cb5e70cf577cd250"
        "89d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51dfde725"
    ),
    "plasma": (
        "0d08871b068d2605912f059638049a41049d4903a05102a35901a56100a76900a87100a87801a88004a88707a68e0ca49511a19c179ea21d9aa82296ae2892"
        "b42e8dba3388bf3984c43e7fc9447acd4a76d24f71d6556dda5b69de6164e26660e66c5ce97257ed7953f07f4ff3854bf58c46f79342f99a3efba139fca835"
        "fdaf31feb72dfebe2afdc627fcce25fbd724f8df25f6e826f3f027f0f921"
    ),
    "inferno": (
        "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c59106e61136e69166e71196e781c6d801f6c88226a902568"
        "982766a02a63a82e5fb0315bb73557bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed6925f1711ff47918f78212f98b0bfa9407fb9d07fca60c"
        "fcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4"
    ),
    "magma": (
        "00000402020b0504160907200e0b2b140e361a104221114e29115a311165390f6e420f754a107952137c5a167e6219806a1c81721f81792282812581892881"
        "912b81992d80a1307eaa337db2357bba3878c23b75ca3e72d2426fd9466be04c67e75263ec5860f1605df4695cf7725cf97b5dfb8560fc8e64fd9869fea16e"
        "feaa74feb47bfebd82fec68afecf92fed89afde2a3fdebacfcf4b6fcfdbf"
    ),
    "cividis": (
        "00224e002656002a5f002d68003070083370163770203a6f273e6e2e416d34456c3a486c3f4c6c444f6c49536c4e566c535a6d575d6d5c616e60646f656870"
        "696b716d6f727272747676767a7a787e7d788381798885788d8878928c789690779b9476a09875a59c74aaa073afa471b5a86fbaac6dbfb06bc4b468c9b965"
        "cfbd62d4c15fdac65bdfca57e5cf52ead34cf0d846f6dd3ffce236fee838"
    ),
    "turbo": (
        "30123b36215f3b2f803f3e9c424bb54559cb4666dd4773eb4680f6458cfd4099ff38a5fb2fb2f427bee91fc9dd1ad4d018ddc21ae4b622ebaa2ff19b3ff68a"
        "52fa7a65fd6979fe598bff4b9cfe40a9fb39b7f735c3f134d0ea34dbe236e5d938eecf3af5c53afaba39fdae35fea130fe932afc8423f9751df46617ef5811"
        "e84b0ce14109d83706ce2d04c32503b71d02a916019b0f018b09027a0403"
    ),
    "gray": "000000ffffff",
    "hot": "0b0000aa0000ff4b00ffea00ffff5fffffff",
    "jet": "0000800000ff0080ff00ffff80ff80ffff00ff8000ff0000800000",
    "coolwarm": (
        "3b4cc04055c8465ecf4c66d6536edd5977e35f7fe86687ed6c8ff17396f57a9df881a4fb88abfd8fb1fe96b7ff9dbdffa3c2feaac7fdb1cbfcb7cff9bed2f6"
        "c4d5f3cad8efcfdaead5dbe5dadce0dfdbd9e4d9d2e9d5cbedd2c3f0cdbbf2c9b4f5c4acf6bea4f7b89cf7b194f7aa8cf6a385f59c7df39475f08b6eed8366"
        "e97a5fe57058e16751dc5d4ad65244d0473dca3b37c32e31bb1b2cb40426"
    ),
    "blues": "f7fbffdeebf7c6dbef9dcae16aaed64292c62171b508519c08306b",
    "greens": "f7fcf5e5f5e0c7e9c0a0d99b73c47642ab5d238b45006d2c00441b",
    "reds": "fff5f0fee0d2fcbba1fc9272fb694aef3c2ccb181da50f1567000d",
    "rdbu": "67001fb3192cd6604df4a683fddbc7f6f7f7d1e5f090c4dd4393c32065ab053061",
    "spectral": "9e0142d63f4ff46d43fdaf62fee08bffffbee6f598aadca466c2a53387bc5e4fa2",
}
_OTHER_NAMES = {"grey": "gray", "grays": "gray", "greys_r": "gray", "greys": "gray_r", "binary": "gray_r", "bone": "gray"}


class ColorMap:
    """Colours for numbers from 0 to 1.

    Parameters
    ----------
    colors : sequence of colours, or array (n, 3 or 4) of numbers from 0 to 1
        At equal distances; between them, colours are mixed.
    name : str, default "custom"
    n : int, default 256
        How many steps.

    Example
    -------
    >>> from rustorch.visualization import ColorMap
    >>> ColorMap(["black", "white"], n=3).colors.tolist()
    [[0, 0, 0, 255], [128, 128, 128, 255], [255, 255, 255, 255]]
    """

    def __init__(self, colors: Sequence[Color], name: str = "custom", n: int = 256) -> None:
        if len(colors) < 2 or n < 2:
            raise _C.ArgumentValueError(f"a colour map needs at least two colours and two steps, not {len(colors)} and {n}")
        packed = np.array([rgba(color) for color in colors], np.uint32)
        given = np.stack([packed >> shift & 255 for shift in (24, 16, 8, 0)], 1).astype(float)
        at = np.linspace(0, len(given) - 1, n)
        parts = [np.interp(at, np.arange(len(given)), given[:, k]) for k in range(4)]
        #: uint8 array (n, 4): red, green, blue and opacity.
        self.colors = np.floor(np.stack(parts, 1) + 0.5).astype(np.uint8)
        self.name = name

    @property
    def packed(self) -> np.ndarray:
        """The colours as 0xRRGGBBAA."""
        return pack(self.colors)

    def __call__(self, values: Any) -> np.ndarray:
        """Colours (…, 4), uint8, of numbers from 0 to 1; beyond them the end's, and NaN is transparent."""
        values = np.asarray(values, float)
        with np.errstate(invalid="ignore"):
            index = np.clip(np.nan_to_num(values) * len(self.colors), 0, len(self.colors) - 1).astype(np.intp)
        out: np.ndarray = self.colors[index]
        out[np.isnan(values)] = 0
        return out

    def reversed(self) -> "ColorMap":
        """The same colours, the other way round."""
        return ColorMap(list(self.colors[::-1] / 255.0), self.name + "_r", len(self.colors))

    def __repr__(self) -> str:
        return f"ColorMap({self.name!r}, n={len(self.colors)})"


def pack(colors: np.ndarray) -> np.ndarray:
    """uint8 (…, 4) as uint32 (…)."""
    wide = colors.astype(np.uint32)
    return np.ascontiguousarray(wide[..., 0] << 24 | wide[..., 1] << 16 | wide[..., 2] << 8 | wide[..., 3])


def create_colormap(colors: Union[str, ColorMap, Sequence[Color]], n: int = 256, name: Optional[str] = None) -> ColorMap:
    """A colour map by its name, or of colours of one's own.

    Parameters
    ----------
    colors : str, sequence of colours or ColorMap
        ``"viridis"``, ``"plasma"``, ``"inferno"``, ``"magma"``, ``"cividis"``, ``"turbo"``, ``"gray"``, ``"hot"``, ``"jet"``,
        ``"coolwarm"``, ``"Blues"``, ``"Greens"``, ``"Reds"``, ``"RdBu"`` or ``"Spectral"``, and each with ``"_r"`` for the other
        way round; or at least two colours.
    n : int, default 256
    name : str, optional

    Raises
    ------
    ArgumentValueError
        There is no such map, or fewer than two colours are given.

    Example
    -------
    >>> from rustorch.visualization import create_colormap
    >>> create_colormap("viridis")
    ColorMap('viridis', n=256)
    >>> create_colormap(["white", "#d55e00"], name="heat")(1.0).tolist()
    [213, 94, 0, 255]
    """
    if isinstance(colors, ColorMap):
        return colors
    if not isinstance(colors, str):
        return ColorMap(list(colors), name or "custom", n)
    wanted = colors.lower()
    wanted = _OTHER_NAMES.get(wanted, wanted)
    backwards = wanted.endswith("_r")
    digits = _MAPS.get(wanted[:-2] if backwards else wanted)
    if digits is None:
        raise _C.ArgumentValueError(
            f"there is no colour map {colors!r}: the maps are {', '.join(_MAPS)}, each also with _r, or colours of your own"
        )
    points: List[str] = ["#" + digits[i : i + 6] for i in range(0, len(digits), 6)]
    return ColorMap(points[::-1] if backwards else points, name or colors, n)


def scaled(values: np.ndarray, low: Optional[float], high: Optional[float], log: bool = False) -> Tuple[np.ndarray, float, float]:
    """Values as numbers from 0 to 1, and the limits: those given, else the smallest and largest finite value."""
    usable = values[np.isfinite(values) & (values > 0)] if log else values[np.isfinite(values)]
    least, most = (float(usable.min()), float(usable.max())) if usable.size else (1.0, 10.0) if log else (0.0, 1.0)
    low = least if low is None else float(low)
    high = most if high is None else float(high)
    if not low <= high or (log and low <= 0):
        raise _C.ArgumentValueError(f"colours need limits low <= high{' above 0' if log else ''}, not {low!r} and {high!r}")
    with np.errstate(all="ignore"):
        if log:
            part = (np.log10(values) - np.log10(low)) / (np.log10(high) - np.log10(low)) if high > low else values * 0 + 0.5
            part = np.where(values <= 0, np.nan, part)
        else:
            span = high - low
            part = (
                (values / 2 - low / 2) / (high / 2 - low / 2)
                if span == np.inf
                else (values - low) / span
                if span > 0
                else values * 0 + 0.5
            )
    part = np.where(np.isposinf(values), 1.0, np.where(np.isneginf(values), 0.0, part))
    return part, low, high
