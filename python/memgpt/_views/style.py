"""The style of the views. Every rule is under our own class, every colour is a variable."""

from __future__ import annotations

_LIGHT = {
    "back": "#ffffff",
    "soft": "#f3f5f7",
    "line": "#d3d9df",
    "text": "#1d2329",
    "mute": "#57606a",
    "note": "#fff6da",
    "note-line": "#b58a1c",
    "bad": "#b3232c",
    "good": "#18702f",
    "said": "#e8f1fd",
    "stripe": "#ffffff80",
    "tool_schema": "#2563c9",
    "system": "#5c6570",
    "memory_block": "#7d45cf",
    "external_memory": "#0d7a8a",
    "summary": "#96680a",
    "message": "#1b7d3a",
    "tool_return": "#b3377e",
    "overhead": "#7d8791",
}
_DARK = {
    "back": "#14181d",
    "soft": "#1e242b",
    "line": "#3a424c",
    "text": "#e3e8ed",
    "mute": "#a0aab5",
    "note": "#352a0c",
    "note-line": "#d1a53a",
    "bad": "#ff8a87",
    "good": "#63cf7c",
    "said": "#1a2c44",
    "stripe": "#14181d80",
    "tool_schema": "#6aa7ff",
    "system": "#949eaa",
    "memory_block": "#b994ff",
    "external_memory": "#45c4d4",
    "summary": "#dba63a",
    "message": "#4fc26e",
    "tool_return": "#f285bd",
    "overhead": "#79838e",
}
# What notebooks say of their own theme; it counts more than the system's.
_SAYS_LIGHT = (
    '[data-jp-theme-light="true"]',
    ".vscode-light",
    ".vscode-high-contrast-light",
    ".notebook_app",
    'html[theme="light"]',
)
_SAYS_DARK = (
    '[data-jp-theme-light="false"]',
    ".vscode-dark",
    ".vscode-high-contrast:not(.vscode-high-contrast-light)",
    'html[theme="dark"]',
)


def _colours(selectors: tuple[str, ...], scheme: str, table: dict[str, str]) -> str:
    names = "".join(f"--memgpt-{name}:{colour};" for name, colour in table.items())
    return f"{','.join(selectors)}{{color-scheme:{scheme};{names}}}"


def _under(themes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{theme} .memgpt-view" for theme in themes)


_KIND_RULES = "".join(
    f".memgpt-view .memgpt-kind-{kind}{{background-color:var(--memgpt-{kind})}}"
    for kind in list(_LIGHT)[list(_LIGHT).index("tool_schema") :]
)

_RULES = """
.memgpt-view{box-sizing:border-box;max-width:62em;margin:2px 0;padding:10px 12px;
 border:1px solid var(--memgpt-line);border-radius:8px;background:var(--memgpt-back);
 color:var(--memgpt-text);font:13px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif;
 text-align:start;overflow-wrap:anywhere}
.memgpt-view *{box-sizing:border-box}
.memgpt-view .memgpt-head{display:flex;flex-wrap:wrap;gap:2px 12px;align-items:baseline;
 margin-bottom:6px}
.memgpt-view .memgpt-title{font-size:15px;font-weight:600}
.memgpt-view .memgpt-mute{color:var(--memgpt-mute)}
.memgpt-view .memgpt-part{margin-top:12px}
.memgpt-view .memgpt-name{font-weight:600}
.memgpt-view .memgpt-text{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext}
.memgpt-view .memgpt-code{font:12px/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,monospace;
 white-space:pre-wrap;overflow-wrap:anywhere}
.memgpt-view .memgpt-box{background:var(--memgpt-soft);border-radius:6px;padding:5px 8px;
 margin-top:3px;max-height:22em;overflow:auto}
.memgpt-view .memgpt-said{background:var(--memgpt-said)}
.memgpt-view .memgpt-cut{color:var(--memgpt-mute);font-style:italic}
.memgpt-view .memgpt-note{background:var(--memgpt-note);margin:8px 0;padding:6px 10px;
 border-inline-start:4px solid var(--memgpt-note-line);border-radius:4px}
.memgpt-view .memgpt-bad{color:var(--memgpt-bad);font-weight:600}
.memgpt-view .memgpt-good{color:var(--memgpt-good)}
.memgpt-view .memgpt-bar{display:flex;height:14px;margin:4px 0;border-radius:4px;overflow:hidden;
 background:var(--memgpt-soft);box-shadow:inset 0 0 0 1px var(--memgpt-line);
 forced-color-adjust:none;print-color-adjust:exact}
.memgpt-view .memgpt-bar>span{flex:0 1 auto;min-width:3px;
 border-inline-end:1px solid var(--memgpt-back)}
.memgpt-view .memgpt-thin{height:8px}
.memgpt-view .memgpt-striped{background-image:repeating-linear-gradient(45deg,
 transparent 0 3px,var(--memgpt-stripe) 3px 6px)}
.memgpt-view .memgpt-kind-reserve{background-image:repeating-linear-gradient(135deg,
 transparent 0 4px,var(--memgpt-line) 4px 6px)}
.memgpt-view .memgpt-legend{display:grid;gap:1px 20px;
 grid-template-columns:repeat(auto-fill,minmax(min(100%,250px),1fr))}
.memgpt-view .memgpt-row{display:flex;gap:8px;align-items:baseline}
.memgpt-view .memgpt-row>.memgpt-grow{flex:1;min-width:0}
.memgpt-view .memgpt-row>.memgpt-number{flex:none;font-variant-numeric:tabular-nums}
.memgpt-view .memgpt-row>.memgpt-share{width:3.8em;text-align:end}
.memgpt-view .memgpt-swatch{flex:none;width:11px;height:11px;border-radius:3px;
 display:inline-block;align-self:center;vertical-align:-1px;
 box-shadow:inset 0 0 0 1px var(--memgpt-line);
 forced-color-adjust:none;print-color-adjust:exact}
.memgpt-view .memgpt-item{display:grid;grid-template-columns:9em minmax(0,1fr);gap:0 10px;
 padding:4px 0;border-top:1px solid var(--memgpt-line)}
.memgpt-view .memgpt-wide{grid-template-columns:13.5em minmax(0,1fr)}
.memgpt-view .memgpt-item>*{min-width:0}
.memgpt-view .memgpt-details{margin:0}
.memgpt-view .memgpt-details>summary{display:list-item;cursor:pointer;color:inherit;
 overflow-wrap:anywhere}
.memgpt-view .memgpt-scroll{overflow:auto;margin-top:4px;
 border:1px solid var(--memgpt-line);border-radius:6px}
.memgpt-view .memgpt-tall{max-height:60em}
.memgpt-view table.memgpt-table{border-collapse:collapse;border:0;width:100%;min-width:60em;
 margin:0;font-size:12px;color:inherit;table-layout:fixed}
.memgpt-view table.memgpt-table tr th,.memgpt-view table.memgpt-table tr td{padding:3px 8px;
 border:0;border-bottom:1px solid var(--memgpt-line);text-align:start;vertical-align:top;
 white-space:normal;max-width:none;color:inherit}
.memgpt-view table.memgpt-table thead tr th{position:sticky;top:0;z-index:1;font-weight:600;
 background:var(--memgpt-soft)}
.memgpt-view table.memgpt-table tbody tr,.memgpt-view table.memgpt-table tbody tr:hover{
 background:none}
.memgpt-view table.memgpt-table tr .memgpt-number{text-align:end;white-space:nowrap;
 font-variant-numeric:tabular-nums}
.memgpt-view table.memgpt-table tr .memgpt-nowrap{white-space:nowrap}
.memgpt-view table.memgpt-table tr .memgpt-tiny{width:3em}
.memgpt-view table.memgpt-table tr .memgpt-slim{width:5em}
.memgpt-view table.memgpt-table tr .memgpt-mid{width:8em}
.memgpt-view table.memgpt-table tr .memgpt-kind{width:12em}
.memgpt-view table.memgpt-table tr .memgpt-origin{width:14em}
.memgpt-view table.memgpt-table tr .memgpt-out{margin-inline-start:-39em}
.memgpt-view table.memgpt-table summary,.memgpt-view table.memgpt-table tr .memgpt-line{
 overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.memgpt-view.memgpt-broad{max-width:88em}
.memgpt-view.memgpt-broad table.memgpt-table{min-width:80em}
@media (max-width:560px){.memgpt-view .memgpt-item{grid-template-columns:minmax(0,1fr)}}
"""

STYLE = (
    _colours((".memgpt-view",), "light", _LIGHT)
    + f"@media (prefers-color-scheme:dark){{{_colours(('.memgpt-view',), 'dark', _DARK)}}}"
    + _colours(_under(_SAYS_LIGHT), "light", _LIGHT)
    + _colours(_under(_SAYS_DARK), "dark", _DARK)
    + _RULES.replace("\n", "")
    + _KIND_RULES
)
