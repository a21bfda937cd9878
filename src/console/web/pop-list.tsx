import { useMemo, useRef, useState } from 'preact/hooks';
import { type FleetPop, fullness, listed, type SortKey } from './fleet.ts';
import { ms, percent, short } from './format.ts';
import { Glyph } from './glyph.tsx';
import { Meter } from './meter.tsx';

interface PopListProps {
  readonly pops: readonly FleetPop[];
  readonly chosen: string | undefined;
  readonly lit: string | undefined;
  readonly onChoose: (code: string) => void;
  readonly onLit: (code: string | undefined) => void;
}

const COLUMNS: readonly (readonly [key: SortKey, title: string, unit: string, down: boolean])[] = [
  ['state', 'State', '', false],
  ['code', 'POP', '', false],
  ['load', 'Load', 'of capacity', true],
  ['priceMs', 'Price', 'ms', true],
  ['share', 'Share', 'of demand', true],
];

/** All POPs as a table that can be sorted and filtered; arrows go from row to row. */
export function PopList({ pops, chosen, lit, onChoose, onLit }: PopListProps) {
  const [sort, setSort] = useState<{ readonly key: SortKey; readonly down: boolean }>({
    key: 'state',
    down: false,
  });
  const [words, setWords] = useState('');
  const rows = useMemo(() => listed(pops, { ...sort, words }), [pops, sort, words]);
  const sortBy = (key: SortKey, down: boolean): void =>
    setSort((before) => ({ key, down: before.key === key ? !before.down : down }));
  return (
    <section class="panel pop-list" aria-labelledby="pops-title">
      <header>
        <h2 id="pops-title">POPs</h2>
        <input
          type="search"
          aria-label="Filter POPs by code, city, country, region or state"
          placeholder="Filter: code, city, state…"
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
        <output class="soft" aria-live="polite">
          {rows.length} of {pops.length}
        </output>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label="List of POPs">
        <table>
          <thead>
            <tr>
              {COLUMNS.map(([key, title, unit, down]) => (
                <th
                  key={key}
                  class={key}
                  scope="col"
                  aria-sort={sort.key === key ? (sort.down ? 'descending' : 'ascending') : 'none'}
                >
                  <button type="button" onClick={() => sortBy(key, down)}>
                    {title}
                    {unit !== '' && <small> {unit}</small>}
                    <i aria-hidden="true">{sort.key === key ? (sort.down ? '▼' : '▲') : ''}</i>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <Rows {...{ rows, chosen, lit, onChoose, onLit }} />
        </table>
        {rows.length === 0 && (
          <p class="empty">{pops.length === 0 ? 'Waiting for the process…' : 'No POP fits.'}</p>
        )}
      </section>
    </section>
  );
}

function Rows({
  rows,
  chosen,
  lit,
  onChoose,
  onLit,
}: Omit<PopListProps, 'pops'> & { rows: readonly FleetPop[] }) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [stop, setStop] = useState<string>();
  const isRow = (code: string | undefined): boolean => rows.some((row) => row.code === code);
  const current = isRow(stop) ? stop : isRow(chosen) ? chosen : rows[0]?.code;
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const from = rows.findIndex(({ code }) => code === current);
    const to = rows[Math.min(rows.length - 1, Math.max(0, from + step))];
    body.current?.querySelector<HTMLElement>(`[data-row="${to?.code}"] button`)?.focus();
  };
  return (
    <tbody ref={body} onKeyDown={onKeyDown}>
      {rows.map((pop) => (
        <tr
          key={pop.code}
          data-row={pop.code}
          class={`${pop.code === chosen ? 'chosen' : ''}${pop.code === lit ? ' lit' : ''}`}
          onClick={() => onChoose(pop.code)}
          onPointerEnter={() => onLit(pop.code)}
          onPointerLeave={() => onLit(undefined)}
        >
          <td class="state">
            <Glyph state={pop.state} />
            <span class="hidden">{pop.state}</span>
          </td>
          <th class="code" scope="row">
            <button
              type="button"
              tabIndex={pop.code === current ? 0 : -1}
              aria-pressed={pop.code === chosen}
              onFocus={() => {
                setStop(pop.code);
                onLit(pop.code);
              }}
              onBlur={() => onLit(undefined)}
            >
              <b>{pop.code}</b> {pop.state !== 'up' && <i class={pop.state}>{pop.state}</i>}{' '}
              <span>{pop.city}</span>
            </button>
          </th>
          <td class="load">
            <Meter value={fullness(pop)} />
            <span class="figure">{pop.loadRps === undefined ? '–' : percent(fullness(pop) ?? 0)}</span>
            <small class="figure soft">{pop.loadRps === undefined ? '' : `${short(pop.loadRps)}/s`}</small>
          </td>
          <td class="priceMs">{ms(pop.priceMs)}</td>
          <td class="share">{(100 * pop.share).toFixed(1)} %</td>
        </tr>
      ))}
    </tbody>
  );
}
