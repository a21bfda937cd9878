/** One line of a CSV text that is neither empty nor a `#` comment. */
export interface CsvRow {
  /** 1-based, in the text. */
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Rows of a CSV text (RFC 4180), the header first; empty lines and lines that begin with `#` are left out,
 * as is a byte order mark. A quoted cell may hold commas and doubled quotes, but no line break. Cells are
 * trimmed.
 */
export function readCsv(text: string): CsvRow[] {
  const rows: CsvRow[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = raw.trim();
    if (line !== '' && !line.startsWith('#')) rows.push({ line: index + 1, cells: splitLine(line) });
  }
  return rows;
}

/** One cell as it is written: quoted where it must be. */
export function csvCell(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function splitLine(line: string): string[] {
  if (!line.includes('"')) return line.split(',').map((cell) => cell.trim());
  const cells: string[] = [];
  for (const [, quoted, plain] of line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))/g))
    cells.push(quoted === undefined ? (plain ?? '').trim() : quoted.replaceAll('""', '"'));
  return cells;
}
