import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { REPLAY_LINK, readLink, writeLink } from './deep-link.ts';
import { Explain, type Question } from './explain.tsx';
import { clientLines } from './explain-lines.ts';
import { type FleetPop, fleetAt } from './fleet.ts';
import { Footer } from './footer.tsx';
import { HappeningList } from './happening-list.tsx';
import { PopDetail } from './pop-detail.tsx';
import { PopList } from './pop-list.tsx';
import { Replay } from './replay.tsx';
import type { ExplainView } from './replies.ts';
import { applyTheme, readTheme, type Theme } from './session.ts';
import { StatusBar } from './status-bar.tsx';
import { Timeline } from './timeline.tsx';
import { type ConsoleData, SLIDER_REST_MS, useConsole } from './use-console.ts';
import { type Polled, usePolled } from './use-polled.ts';
import { WorldMap, type WorldMapProps } from './world-map.tsx';

const EXPLAIN_EVERY_MS = 10_000;

/** Which panel is in front where there is room for one. */
type Tab = 'pops' | 'pop' | 'explain';

/** The console. */
export function App() {
  const { place, tab, setTab, chooseTo, askTo, asks } = usePlace();
  const isReplay = useIsReplay();
  const [theme, setTheme] = useState<Theme>(readTheme);
  const [lit, setLit] = useState<string>();
  const data = useConsole();
  const { live, status, history, moment, catchments, atMs } = data;
  const past = moment !== undefined && atMs !== undefined ? moment : undefined;
  const pops = useMemo(
    () => fleetAt(status?.pops ?? [], past?.pops ?? live.state?.pops),
    [status, past, live.state],
  );
  const chosen = pops.find(({ code }) => code === place.pop);
  const explained = usePolled<ExplainView>(explainPath(place.explain, atMs), {
    everyMs: atMs === undefined ? EXPLAIN_EVERY_MS : 0,
    delayMs: atMs === undefined ? 0 : SLIDER_REST_MS,
    keeps: isSameQuestion,
    nth: asks,
  });
  const client = useMemo(() => clientLines(explained.value, status?.pops ?? []), [explained.value, status]);
  const onTheme = (next: Theme): void => {
    applyTheme(next);
    setTheme(next);
  };
  const shared = { chosen: chosen?.code, lit, onLit: setLit, onChoose: chooseTo };
  return (
    <div class={`console show-${tab}`}>
      <a class="skip" href="#pops-title">
        Skip to the list of POPs
      </a>
      <StatusBar
        stream={live.stream}
        state={live.state}
        status={status}
        at={past}
        {...{ theme, onTheme, isReplay }}
      />
      <Replay shown={isReplay} codes={pops.map(({ code }) => code)} />
      <main hidden={isReplay}>
        <div class="world">
          <WorldMap
            pops={pops}
            catchments={catchments}
            client={client}
            theme={theme}
            isPast={past !== undefined}
            onService={data.setService}
            {...shared}
          />
          <Timeline history={history} atMs={atMs} nowMs={data.nowMs} onAt={data.setAtMs} />
        </div>
        <Side {...{ pops, data, place, tab, setTab, chosen, explained, theme, askTo, shared }} />
        <HappeningList happenings={data.happenings} onChoose={chooseTo} />
      </main>
      <Footer status={status} />
    </div>
  );
}

type SideProps = Pick<ReturnType<typeof usePlace>, 'place' | 'tab' | 'setTab' | 'askTo'> & {
  readonly data: ConsoleData;
  readonly pops: readonly FleetPop[];
  readonly chosen: FleetPop | undefined;
  readonly explained: Polled<ExplainView>;
  readonly theme: Theme;
  readonly shared: Pick<WorldMapProps, 'chosen' | 'lit' | 'onLit'> & {
    readonly onChoose: (code: string | undefined) => void;
  };
};

/** The panels beside the map, one in front of the other where there is no room. */
function Side({ pops, data, place, tab, setTab, chosen, explained, theme, askTo, shared }: SideProps) {
  const { status, catchments, atMs } = data;
  const { onChoose, onLit } = shared;
  const tabs: readonly (readonly [Tab, string])[] = [
    ['pops', 'POPs'],
    ['pop', chosen?.code ?? 'POP'],
    ['explain', 'Explain'],
  ];
  return (
    <div class="side">
      <nav class="tabs" aria-label="Panels">
        {tabs.map(([key, words]) => (
          <button
            key={key}
            type="button"
            data-tab={key}
            aria-pressed={tab === key}
            onClick={() => setTab(key)}
          >
            {words}
          </button>
        ))}
      </nav>
      <PopList pops={pops} {...shared} />
      {chosen === undefined ? (
        <section class="panel pop-detail none" aria-label="POP">
          <p class="empty">Choose a POP on the map or in the list.</p>
        </section>
      ) : (
        <PopDetail
          pop={chosen}
          catchments={catchments}
          atMs={atMs === undefined ? undefined : (data.moment?.atMs ?? atMs)}
          theme={theme}
          onClose={() => onChoose(undefined)}
          onChanged={data.refresh}
        />
      )}
      <Explain
        question={place.explain}
        name={`www.${(status?.zones[0] ?? 'cdn.example').replace(/\.$/, '')}`}
        explained={explained}
        isPast={atMs !== undefined}
        onAsk={askTo}
        onChoose={onChoose}
        onLit={onLit}
      />
    </div>
  );
}

function explainPath(question: Question | undefined, atMs: number | undefined): string | undefined {
  if (question === undefined) return undefined;
  const asked = new URLSearchParams({ name: question.name, client: question.client });
  return `/api/explain?${asked}${atMs === undefined ? '' : `${AT}${Math.round(atMs)}`}`;
}

const AT = '&atMs=';

/** Paths of one question, whatever their moments. */
const isSameQuestion = (before: string | undefined, path: string | undefined): boolean =>
  before?.split(AT)[0] === path?.split(AT)[0];

/** Whether the address bar leads to replays. */
function useIsReplay(): boolean {
  const [is, setIs] = useState(location.hash === REPLAY_LINK);
  useEffect(() => {
    const onHash = (): void => setIs(location.hash === REPLAY_LINK);
    window.addEventListener('hashchange', onHash);
    return () => window.removeEventListener('hashchange', onHash);
  }, []);
  return is;
}

/** Where the console is, which the address bar shows and can set. */
function usePlace() {
  const [place, setPlace] = useState(() => readLink(location.hash));
  const [tab, setTab] = useState<Tab>(place.explain !== undefined ? 'explain' : place.pop ? 'pop' : 'pops');
  /** How often something was asked: also the same again. */
  const [asks, setAsks] = useState(0);
  const current = useRef(place);
  current.current = place;
  const go = useCallback((next: typeof place, to: Tab): void => {
    setPlace(next);
    setTab(to);
    const link = writeLink(
      to === 'explain' ? next : { ...(next.pop === undefined ? {} : { pop: next.pop }) },
    );
    history.replaceState(null, '', link === '' ? location.pathname : link);
  }, []);
  useEffect(() => {
    const onHash = (): void => {
      const next = readLink(location.hash);
      if (next.pop === undefined && next.explain === undefined) return;
      setPlace((before) => ({ ...before, ...next }));
      setTab(next.explain === undefined ? 'pop' : 'explain');
    };
    window.addEventListener('hashchange', onHash);
    return () => window.removeEventListener('hashchange', onHash);
  }, []);
  const chooseTo = useCallback(
    (pop: string | undefined): void => {
      const { pop: _, ...rest } = current.current;
      go(pop === undefined ? rest : { ...rest, pop }, pop === undefined ? 'pops' : 'pop');
    },
    [go],
  );
  const askTo = useCallback(
    (explain: Question): void => {
      setAsks((before) => before + 1);
      go({ ...current.current, explain }, 'explain');
    },
    [go],
  );
  return { place, tab, setTab, chooseTo, askTo, asks };
}
