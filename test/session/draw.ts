/** A command and what the terminal showed, with escape sequences of colour. */
export interface Step {
  /** A sentence of who types; '' for none. */
  readonly says: string;
  readonly command: string;
  readonly output: string;
}

const LINE_PX = 19;
const CHARACTER_PX = 7.83;
const MARGIN_PX = 18;
const BAR_PX = 34;
/** Time that a reader gets for a command, and for each line, s. */
const COMMAND_S = 1.2;
const LINE_S = 0.08;

const COLOURS: Readonly<Record<string, string>> = {
  '31': '#ff7b72',
  '32': '#7ee787',
  '33': '#e3b341',
  '34': '#79c0ff',
  '35': '#d2a8ff',
  '36': '#76e3ea',
  '90': '#8b949e',
};

/**
 * A picture of a terminal in which the steps appear one after the other; where nothing moves, all of them are
 * there. Text stays text.
 */
export function drawSession(steps: readonly Step[], columns: number): string {
  const lines: string[] = [];
  let atS = 0.5;
  const add = (markup: string, className = ''): void => {
    const y = BAR_PX + MARGIN_PX + LINE_PX * lines.length;
    const style = `animation-delay:${atS.toFixed(2)}s`;
    lines.push(`<text x="${MARGIN_PX}" y="${y}" class="line ${className}" style="${style}">${markup}</text>`);
  };
  for (const { says, command, output } of steps) {
    if (says !== '') add(escaped(`# ${says}`), 'says');
    add(`<tspan class="prompt">$</tspan> <tspan class="command">${escaped(command)}</tspan>`);
    atS += COMMAND_S;
    for (const text of output.split('\n').flatMap((line) => wrapped(line, columns))) {
      add(coloured(text));
      atS += LINE_S;
    }
    atS += COMMAND_S;
    add('');
  }
  const width = Math.ceil(columns * CHARACTER_PX + 2 * MARGIN_PX);
  const height = BAR_PX + 2 * MARGIN_PX + LINE_PX * (lines.length - 1) - LINE_PX / 2;
  const box = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${box}>`,
    '<title>A terminal: dig, isochrone explain, drain and restore, and what they print</title>',
    STYLE,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    `<rect width="${width}" height="${BAR_PX - 8}" rx="8" fill="#21262d"/>`,
    ...['#ff7b72', '#e3b341', '#7ee787'].map(
      (colour, i) => `<circle cx="${18 + 18 * i}" cy="13" r="5" fill="${colour}"/>`,
    ),
    ...lines.filter((line) => !line.endsWith('"></text>')),
    '</svg>',
    '',
  ].join('\n');
}

const STYLE = [
  '<style>',
  "text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;",
  '  fill: #c9d1d9; white-space: pre; }',
  '.says { fill: #8b949e; } .prompt { fill: #7ee787; } .command { fill: #ffffff; font-weight: 600; }',
  '.line { animation: appear 0.01s linear backwards; }',
  '@keyframes appear { from { opacity: 0; } to { opacity: 1; } }',
  '@media (prefers-reduced-motion: reduce) { .line { animation: none; } }',
  '</style>',
].join('\n');

/** A line as a terminal wraps it; one with colours is short enough. */
function wrapped(text: string, columns: number): string[] {
  if (text.length <= columns || SEQUENCE.test(text)) return [text];
  return [text.slice(0, columns), ...wrapped(text.slice(columns), columns)];
}

/** An escape sequence and its parameters. */
const SEQUENCE = new RegExp(`${String.fromCharCode(27)}\\[([\\d;?]*)[A-Za-z]`);

/** Text with SGR sequences as spans; other sequences are dropped. */
function coloured(text: string): string {
  let markup = '';
  let style: readonly string[] = [];
  // What is between escape sequences, and their parameters in turn.
  for (const [i, part] of text.split(SEQUENCE).entries())
    if (i % 2 === 0) markup += spanOf(part, style);
    else style = part === '' || part === '0' ? [] : [...style, ...part.split(';')];
  return markup;
}

function spanOf(text: string, style: readonly string[]): string {
  if (text === '') return '';
  const says = [
    ...(style.includes('1') ? ['font-weight="600"'] : []),
    ...(style.includes('2') ? ['opacity="0.65"'] : []),
    ...style.flatMap((code) => (COLOURS[code] === undefined ? [] : [`style="fill:${COLOURS[code]}"`])),
  ];
  return says.length === 0 ? escaped(text) : `<tspan ${says.join(' ')}>${escaped(text)}</tspan>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
