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
  return [...csvRows(text.split('\n'))];
}

/** The same of lines that come one by one, for files of millions. */
export function* csvRows(lines: Iterable<string>): Generator<CsvRow> {
  let number = 0;
  for (const raw of lines) {
    const line = (number++ === 0 ? raw.replace(/^\uFEFF/, '') : raw).trim();
    if (line !== '' && !line.startsWith('#')) yield { line: number, cells: splitLine(line) };
  }
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
