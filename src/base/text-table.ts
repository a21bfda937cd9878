/** A column of a printed table: its title, and how its cells stand. */
interface TextColumn {
  readonly title: string;
  readonly right?: boolean;
}

/** Lines of a table with its columns aligned, the titles first. */
export function formatTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => [...(row[i] ?? '')].length)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ right }, i) => {
        const cell = cells[i] ?? '';
        const padding = ' '.repeat(Math.max(0, (widths[i] as number) - [...cell].length));
        return right === true ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}
