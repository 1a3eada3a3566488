"""What a reader with a keyboard, a screen reader, weak eyes or a phone would stumble over on a page.

axe-core asks about names, roles, headings, contrast of text. It leaves out what is hidden from screen readers, and so
the insides of figures; their words are asked for here: dark enough on what lies under them, and large enough.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from report.browser import PageVisit, open_page

# Contrast and size as WCAG 2.2 counts them: 4.5:1, or 3:1 for large text; 24 CSS pixels to hit.
_OWN = r"""
const light = rgb => rgb.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const parse = text => { const v = (text.match(/[\d.]+/g) || []).map(Number); return v.length === 3 ? [...v, 1] : v; };
const over = (top, alpha, under) => under.map((v, i) => top[i] * alpha + v * (1 - alpha));
const under = (x, y, text) => {
  const [svg, before] = [text.ownerSVGElement, Node.DOCUMENT_POSITION_PRECEDING];
  const found = document.elementsFromPoint(x, y).reverse();
  if (!found.some(e => e === svg || e.ownerSVGElement === svg)) return null; // beyond the edge of its box
  let colour = [255, 255, 255];
  for (const shape of found.filter(e => e.ownerSVGElement === svg && text.compareDocumentPosition(e) & before)) {
    const own = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse());
    if (pixels.has(shape)) {
      const {width, height} = pixels.get(shape).canvas, box = shape.getBBox();
      const at = [(own.x - box.x) / box.width * width, (own.y - box.y) / box.height * height].map(Math.floor);
      const [r, g, b, a] = pixels.get(shape).getImageData(...at, 1, 1).data;
      colour = over([r, g, b], a / 255, colour);
    } else if (shape instanceof SVGGeometryElement && shape.isPointInFill(own)) {
      const style = getComputedStyle(shape), fill = parse(style.fill);
      if (fill.length === 4) colour = over(fill, fill[3] * style.fillOpacity * style.opacity, colour);
    }
  }
  return colour;
};
const faults = [];
const pixels = new Map();
for (const image of document.querySelectorAll(".chart svg image")) {
  const drawn = new Image();
  drawn.src = image.href.baseVal;
  await drawn.decode();
  const canvas = Object.assign(document.createElement("canvas"), {width: drawn.width, height: drawn.height});
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(drawn, 0, 0);
  pixels.set(image, context);
}
for (const text of document.querySelectorAll(".chart svg text")) {
  const words = text.textContent.trim(), box = text.getBoundingClientRect();
  if (!words || !box.width) continue;
  const style = getComputedStyle(text), fill = parse(style.fill);
  const back = under(box.x + box.width / 2, box.y + box.height / 2, text);
  const size = parseFloat(style.fontSize) * Math.hypot(text.getScreenCTM().b, text.getScreenCTM().a);
  if (size < 8.95) faults.push(`figure: ${JSON.stringify(words)} of ${size.toFixed(1)} px`);
  if (!back) continue;
  const [a, b] = [light(over(fill, fill[3] * style.fillOpacity * style.opacity, back)), light(back)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) faults.push(`figure: ${JSON.stringify(words)} at ${ratio.toFixed(2)} to 1`);
}
for (const svg of document.querySelectorAll(".chart svg"))
  if (svg.querySelectorAll("path, use, rect, text").length < 5) faults.push("figure: empty");
for (const target of document.querySelectorAll("a[href], button, summary, input")) {
  const box = target.getBoundingClientRect(), words = target.textContent.trim();
  const line = target.matches("a, .gloss") && target.closest("p, li, td, dd, th");
  if (!box.width || box.bottom < 0 || (line && line.textContent.trim() !== words))
    continue; // not shown, or within a line of text
  if (Math.min(box.height, box.width) < 23.5)
    faults.push(`target: ${JSON.stringify(words)} of ${box.width.toFixed(0)} x ${box.height.toFixed(0)} px`);
}
"""

_AXE = """
const found = await axe.run(document, {resultTypes: ["violations"]});
for (const rule of found.violations) for (const node of rule.nodes)
  faults.push(`${rule.impact} ${rule.id}: ${node.target} ${node.html.slice(0, 160)}`);
"""


def audit(
    path: Path, width: int, *, picture: Path | None = None, more: str = "null"
) -> tuple[PageVisit, list[str]]:
    """Open a page and return what happened, and every fault found; `more` is a script of the test's own, run after."""
    axe = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    script = f"{axe};(async () => {{{_OWN}{_AXE}return [faults, {more}];}})()"
    visit = open_page(path, width, script=script, picture=picture, tall=True)
    faults, answer = visit.answer
    return replace(visit, answer=answer), faults
