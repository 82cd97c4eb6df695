/**
 * The picture of the curve: for each number of workers how many times as fast as a loop each contender is, by how long an
 * item takes. Both scales are logarithmic. Hand-written SVG that follows the reader's light or dark scheme; it imports
 * nothing, so a test can draw it without the packages of bench/.
 */

const WIDTH = 760;
const [LEFT, TOP, GAP] = [58, 92, 22];
const PANEL = { width: 212, height: 250 };

/** Ours first and thicker; the name in curve.json, the one that people read, and the colour by day and by night. */
export const CONTENDERS = [
  ['pool.map', 'bgworker, warm pool', '#0b6e3c', '#3fb97a'],
  ['parallelMap', 'bgworker, parallelMap', '#2459a8', '#6ea8fe'],
  ['piscina', 'piscina', '#b3541e', '#f0955d'],
  ['tinypool', 'tinypool', '#8a3fa0', '#c792dd'],
  ['workerpool', 'workerpool', '#8c6d00', '#d9b63c'],
  ['poolifier', 'poolifier', '#a3263f', '#f07a90'],
];
const OURS = 2;

export function curvePicture({ cells: all, processors }) {
  const cells = ofManyItems(all);
  const workers = [...new Set(cells.map((cell) => cell.workers))].filter((count) => count > 0);
  const axes = axesOf(cells);
  const lines = [
    text(24, 34, 'How many times as fast as a loop, by how long an item takes', 'title'),
    text(24, 56, `${processors} processors; both scales are logarithmic; the dashed line is the loop`, 'small'),
    ...workers.flatMap((count, index) => panel(axes, cells, count, LEFT + index * (PANEL.width + GAP), index === 0)),
    ...legend(TOP + PANEL.height + 52),
  ];
  return frame(lines, TOP + PANEL.height + 96);
}

/** Without the runs of a single item, which say how long a run takes that does nothing. */
export function ofManyItems(cells) {
  return cells.filter(({ items }) => items > 1);
}

function axesOf(cells) {
  const lengths = [...new Set(cells.map(({ itemUs }) => itemUs))];
  const speeds = cells.filter(({ workers }) => workers > 0).map(({ speedUp }) => speedUp);
  const least = Math.min(0.1, 10 ** Math.floor(Math.log10(Math.min(...speeds))));
  const most = 4;
  const along = (value, from, to) => Math.log(value / from) / Math.log(to / from);
  const [first, last] = [Math.min(...lengths), Math.max(...lengths)];
  return {
    lengths,
    speeds: [...decades(least, 0.1), 0.5, 1, 2, 4],
    x: (itemUs) => 8 + (PANEL.width - 16) * along(itemUs, first, last),
    y: (speedUp) => PANEL.height * (1 - along(Math.min(Math.max(speedUp, least), most), least, most)),
  };
}

function decades(from, to) {
  const count = Math.round(Math.log10(to / from)) + 1;
  return Array.from({ length: count }, (_, index) => Number((from * 10 ** index).toPrecision(1)));
}

function panel(axes, cells, workers, left, isFirst) {
  const bottom = TOP + PANEL.height;
  const head = workers === 1 ? '1 worker' : `${workers} workers`;
  const grid = axes.speeds.flatMap((speed) => {
    const y = round(TOP + axes.y(speed));
    const kind = speed === 1 ? 'loop' : 'grid';
    const label = isFirst ? [text(left - 8, y + 4, `${speed}`, 'small end')] : [];
    return [`<line x1="${left}" y1="${y}" x2="${left + PANEL.width}" y2="${y}" class="${kind}"/>`, ...label];
  });
  const lengths = axes.lengths.flatMap((itemUs) => {
    const x = round(left + axes.x(itemUs));
    return [
      `<line x1="${x}" y1="${bottom}" x2="${x}" y2="${bottom + 4}" class="grid"/>`,
      text(x, bottom + 17, shortLength(itemUs), 'tick middle'),
    ];
  });
  return [
    text(left + PANEL.width / 2, TOP - 12, head, 'strong middle'),
    ...grid,
    ...lengths,
    // Ours last, so that they lie on top.
    ...[...CONTENDERS.keys()].reverse().flatMap((index) => curveOf(axes, cells, workers, left, index)),
  ];
}

function curveOf(axes, cells, workers, left, index) {
  const [side] = CONTENDERS[index];
  const points = cells
    .filter((cell) => cell.side === side && cell.workers === workers)
    .map(({ itemUs, speedUp }) => [round(left + axes.x(itemUs)), round(TOP + axes.y(speedUp))]);
  const kind = `k${index}${index < OURS ? ' ours' : ''}`;
  return [
    `<polyline points="${points.map((point) => point.join(',')).join(' ')}" class="${kind}"/>`,
    ...points.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="${index < OURS ? 3 : 2.2}" class="k${index}"/>`),
  ];
}

function legend(top) {
  return CONTENDERS.flatMap(([, name], index) => {
    const x = LEFT + (index % 3) * (PANEL.width + GAP);
    const y = top + Math.floor(index / 3) * 22;
    const kind = `k${index}${index < OURS ? ' ours' : ''}`;
    return [`<polyline points="${x},${y - 4} ${x + 26},${y - 4}" class="${kind}"/>`, text(x + 34, y, name)];
  });
}

/** As in a table: 10 µs, 1 ms, 1 s. */
export function lengthOf(itemUs) {
  if (itemUs < 1_000) return `${itemUs} µs`;
  return itemUs < 1_000_000 ? `${itemUs / 1_000} ms` : `${itemUs / 1_000_000} s`;
}

/** Below an axis there is room for a unit only where it changes. */
function shortLength(itemUs) {
  const full = lengthOf(itemUs);
  return full.startsWith('1 ') ? full : full.split(' ')[0];
}

function text(x, y, content, kind = '') {
  return `<text x="${x}" y="${y}"${kind === '' ? '' : ` class="${kind}"`}>${content}</text>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function frame(lines, height) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Speed-up by length of an item and number of workers">
<style>
text { font: 13px system-ui, sans-serif; fill: #1c2128 } .title { font-size: 17px; font-weight: 600 } .strong { font-weight: 600 }
.small { font-size: 11.5px; fill: #59636e } .tick { font-size: 10.5px; fill: #59636e } .middle { text-anchor: middle } .end { text-anchor: end }
polyline { fill: none; stroke-width: 1.5 } .ours { stroke-width: 2.8 }
.ground { fill: #ffffff; stroke: #d1d9e0 } .grid { stroke: #d1d9e0 } .loop { stroke: #59636e; stroke-dasharray: 5 4 }
${CONTENDERS.map(([, , day], index) => coloured(index, day)).join('\n')}
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small, .tick { fill: #9198a1 }
.ground { fill: #0d1117; stroke: #3d444d } .grid { stroke: #30363d } .loop { stroke: #9198a1 }
${CONTENDERS.map(([, , , night], index) => coloured(index, night)).join('\n')}
}
</style>
<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8" class="ground"/>
${lines.join('\n')}
</svg>
`;
}

function coloured(index, colour) {
  return `polyline.k${index} { stroke: ${colour} } circle.k${index} { fill: ${colour} }`;
}
