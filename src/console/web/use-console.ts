import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { changesBetween, HAPPENINGS_MAX, type Happening, happeningsOf, joined } from './happenings.ts';
import type {
  CatchmentsView,
  HistoryMoment,
  HistoryView,
  LiveState,
  PopStateWord,
  StatusView,
} from './replies.ts';
import { type Live, useLive } from './use-live.ts';
import { usePolled } from './use-polled.ts';

const STATUS_EVERY_MS = 5_000;
const HISTORY_EVERY_MS = 10_000;
const CATCHMENTS_EVERY_MS = 10_000;
/** A slider that is being moved asks when it rests. */
export const SLIDER_REST_MS = 120;

/** Everything that the console knows of the process. */
export interface ConsoleData {
  readonly live: Live;
  readonly status: StatusView | undefined;
  readonly history: HistoryView | undefined;
  readonly catchments: CatchmentsView | undefined;
  readonly happenings: readonly Happening[];
  /** The moment that is looked at, and how the POPs were; undefined: now. */
  readonly atMs: number | undefined;
  readonly moment: HistoryMoment | undefined;
  readonly nowMs: number;
  readonly setAtMs: (atMs: number | undefined) => void;
  /** Whose catchments are shown. */
  readonly setService: (service: string) => void;
  /** Asks for the status and the catchments at once: something was changed. */
  readonly refresh: () => void;
}

/** Follows the process: its stream, and what is asked for from time to time. */
export function useConsole(): ConsoleData {
  const live = useLive();
  const [atMs, setAtMs] = useState<number>();
  const [service, setService] = useState<string>();
  const [round, setRound] = useState(0);
  // A fragment is not sent; it makes the path another one, which is asked at once.
  const now = (path: string): string => (round === 0 ? path : `${path}#${round}`);
  const kept = { keeps: true } as const;
  const status = usePolled<StatusView>(now('/api/status'), { everyMs: STATUS_EVERY_MS, ...kept });
  const history = usePolled<HistoryView>('/api/history', { everyMs: HISTORY_EVERY_MS, ...kept });
  const present = usePolled<CatchmentsView>(
    atMs === undefined ? now(catchmentsPath({ service })) : undefined,
    {
      everyMs: CATCHMENTS_EVERY_MS,
      ...kept,
    },
  );
  const rest = { everyMs: 0, delayMs: SLIDER_REST_MS, ...kept };
  const past = usePolled<CatchmentsView>(
    atMs === undefined ? undefined : catchmentsPath({ service, atMs: String(Math.round(atMs)) }),
    rest,
  );
  const moment = usePolled<HistoryMoment>(
    atMs === undefined ? undefined : `/api/history/at?atMs=${Math.round(atMs)}`,
    rest,
  );
  const refresh = useCallback(() => setRound((before) => before + 1), []);
  const last = useRef<CatchmentsView>(undefined);
  const catchments = (atMs === undefined ? present.value : past.value) ?? last.current;
  last.current = catchments;
  return {
    live,
    status: status.value,
    history: withPresent(history.value, live.state),
    catchments,
    happenings: useHappenings(live.state, history.value),
    atMs,
    moment: moment.value,
    nowMs: Math.max(live.state?.atMs ?? 0, history.value?.points.at(-1)?.atMs ?? 0) || Date.now(),
    setAtMs,
    setService,
    refresh,
  };
}

/** The kept points and, after them, how it is now. */
function withPresent(
  history: HistoryView | undefined,
  state: LiveState | undefined,
): HistoryView | undefined {
  const last = history?.points.at(-1)?.atMs ?? 0;
  if (history === undefined || state === undefined || state.atMs <= last) return history;
  const { atMs, epoch, queryRates, pops } = state;
  const inState = (word: PopStateWord): string[] =>
    pops.filter((pop) => pop.state === word).map(({ code }) => code);
  const qps = Object.values(queryRates).reduce((sum, rate) => sum + rate, 0);
  const present = { atMs, epoch, qps, down: inState('down'), drained: inState('drained') };
  return { ...history, points: [...history.points, present] };
}

function catchmentsPath(wish: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(wish)) if (value !== undefined) query.set(key, value);
  return query.size === 0 ? '/api/catchments' : `/api/catchments?${query}`;
}

function useHappenings(state: LiveState | undefined, history: HistoryView | undefined): readonly Happening[] {
  const before = useRef<LiveState>(undefined);
  const [seen, setSeen] = useState<readonly Happening[]>([]);
  useEffect(() => {
    if (state === undefined) return;
    const found = before.current === undefined ? [] : changesBetween(before.current, state);
    before.current = state;
    if (found.length > 0) setSeen((known) => [...found, ...known].slice(0, HAPPENINGS_MAX));
  }, [state]);
  return joined(seen, happeningsOf(history?.points ?? []), history?.stepMs ?? 0);
}
