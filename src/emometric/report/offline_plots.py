"""Let `dvc plots show` and `dvc plots diff` open without a network.

DVC's own page loads three scripts from a content network. `.dvc/plots/offline.html` carries them
instead, taken from vl-convert, and `.dvc/config.local` names it. Both stay out of git: the page
has 0.9 MB, and where the configuration names a page that is not there DVC refuses to draw at all,
so that a clone before its set-up must not carry the name either.
"""

import subprocess
import sys
from pathlib import Path

from emometric.base import atomic, console
from emometric.base.errors import PipelineError

TEMPLATE = "plots/offline.html"  # relative to .dvc
VEGA_LITE = "5.8"  # the templates in .dvc/plots are written for version 5
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>emometric: DVC plots</title>
<style>
body {{ font-family: sans-serif; margin: 1.5rem; color: #16191d; background: #fff; }}
body > div {{ margin: 0 0 2rem; overflow-x: auto; }}
img {{ max-width: min(100%, 44rem); height: auto; }}
</style>
<script>{script}</script>
</head>
<body>
{{plot_divs}}
</body>
</html>
"""


def page(script: str) -> str:
    """The page that DVC fills with plots, with the drawing library `script` inside."""
    return PAGE.format(script=script.replace("</script", "<\\/script"))


def bundle(vega_lite: str = VEGA_LITE) -> str:
    """Vega, that version of Vega-Lite and vega-embed as one script that defines `vegaEmbed`."""
    try:
        import vl_convert
    except ImportError:
        raise PipelineError(
            "vl-convert-python is not installed; install it with pip install 'emometric[pipeline]'."
        ) from None
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vega_lite)


def install(project: Path) -> Path:
    """Write the page below `project` and name it in DVC's local configuration; returns its path."""
    folder = project / ".dvc"
    if not (folder / "config").is_file():
        raise PipelineError(f"no DVC project at {project.resolve()}; run from the project's root.")
    target = folder / TEMPLATE
    with atomic.new_file(target) as aside:
        aside.write_text(page(bundle()), encoding="utf-8")
    # The page first: the name alone would stop `dvc plots`.
    command = [sys.executable, "-m", "dvc", "config", "--local", "plots.html_template", TEMPLATE]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(
            f"dvc cannot keep its setting in {folder / 'config.local'}: "
            f"{done.stderr.strip()}; mend that and run this again."
        )
    return target


if __name__ == "__main__":
    console.main(lambda: install(Path.cwd()))
