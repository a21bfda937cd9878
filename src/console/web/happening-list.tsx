import { clock, withClocks } from './format.ts';
import { Glyph } from './glyph.tsx';
import type { Happening } from './happenings.ts';

/** What happened in the last hour, the latest first. */
export function HappeningList({
  happenings,
  onChoose,
}: {
  readonly happenings: readonly Happening[];
  readonly onChoose: (code: string) => void;
}) {
  return (
    <section class="panel happenings" aria-labelledby="happenings-title">
      <header>
        <h2 id="happenings-title">Events</h2>
        <span class="soft">the last hour</span>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label="List of events">
        <ol aria-live="polite">
          {happenings.map(({ atMs, kind, pop, words }) => (
            <li key={`${atMs} ${kind} ${pop}`}>
              <time>{clock(atMs)}</time>
              {kind === 'up' || kind === 'down' || kind === 'drained' ? <Glyph state={kind} /> : <i />}
              <span>
                {pop !== undefined && (
                  <button type="button" class="pop-link" onClick={() => onChoose(pop)}>
                    {pop}
                  </button>
                )}{' '}
                {withClocks(words)}
              </span>
            </li>
          ))}
        </ol>
        {happenings.length === 0 && <p class="empty">Nothing went down, up or out in the last hour.</p>}
      </section>
    </section>
  );
}
