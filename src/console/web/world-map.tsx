import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Areas, areasOf } from './catchments.ts';
import { useColours } from './colours.ts';
import { type FleetPop, fullness } from './fleet.ts';
import { clock, percent, short } from './format.ts';
import { Glyph } from './glyph.tsx';
import { Legend } from './legend.tsx';
import { type Mark, markAt, marksOf, nextMark } from './map-marks.ts';
import { type ClientLines, mapPainter } from './paint-map.ts';
import type { CatchmentsView } from './replies.ts';
import { useSize } from './use-size.ts';
import { type Moving, useView } from './use-view.ts';
import { type Atlas, loadAtlas, outlinesOf, type View, worldProjection } from './world.ts';

/** What the map shows, and what it tells. */
export interface WorldMapProps {
  readonly pops: readonly FleetPop[];
  readonly catchments: CatchmentsView | undefined;
  /** Code of the POP whose catchment stands out for now, and of the one that was chosen. */
  readonly lit: string | undefined;
  readonly chosen: string | undefined;
  readonly client: ClientLines | undefined;
  readonly theme: string;
  /** A moment of the past is looked at. */
  readonly isPast: boolean;
  readonly onLit: (code: string | undefined) => void;
  readonly onChoose: (code: string) => void;
  readonly onService: (service: string) => void;
}

/** The world with its POPs and whose clients they are. */
export function WorldMap(props: WorldMapProps) {
  const { pops, lit, chosen, onLit } = props;
  const box = useRef<HTMLDivElement>(null);
  const size = useSize(box);
  const moving = useView(box, size);
  const projection = useMemo(() => worldProjection(size), [size]);
  const areas = useAreas(props.catchments);
  const missing = useCanvas(props, { size, view: moving.view, projection, areas });
  const place = (longitude: number, latitude: number): readonly [number, number] | undefined => {
    const at = projection([longitude, latitude]);
    return at === null ? undefined : inPicture(at, moving.view);
  };
  const marks = size.width === 0 ? [] : marksOf(pops, place, { ...size, chosen, letter: letterSize() });
  const under = (event: MouseEvent): number => {
    const { left, top } = (box.current as HTMLElement).getBoundingClientRect();
    const { zoom, x, y } = moving.view;
    const at = projection.invert?.([(event.clientX - left - x) / zoom, (event.clientY - top - y) / zoom]);
    return at === undefined || at === null || areas === undefined ? -1 : areas.owners.at(...at);
  };
  const [pointed, setPointed] = useState(-1);
  const onPointerMove = (event: PointerEvent): void => {
    if (event.target !== canvasIn(box.current)) return;
    const owner = event.buttons === 0 ? under(event) : -1;
    setPointed(owner);
    onLit(areas?.view.pops[areas.places[owner]?.[5] ?? -1]);
  };
  const onPointerLeave = (): void => {
    setPointed(-1);
    onLit(undefined);
  };
  return (
    <section class="map" aria-label="Map of the world">
      <div class="map-box" ref={box} onPointerMove={onPointerMove} onPointerLeave={onPointerLeave}>
        <div aria-hidden="true">
          <canvas />
        </div>
        <Marks {...props} marks={marks} lit={lit} moving={moving} />
        <Controls {...moving} />
        {missing !== undefined && <p class="map-note">{missing}</p>}
        <PlaceNote areas={areas} owner={pointed} isPast={props.isPast} />
      </div>
      <Legend
        pops={pops}
        {...{ catchments: props.catchments, isPast: props.isPast, onService: props.onService }}
      />
    </section>
  );
}

const letterSize = (): number => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);

const inPicture = ([x, y]: readonly [number, number], view: View): readonly [number, number] => [
  x * view.zoom + view.x,
  y * view.zoom + view.y,
];

const canvasIn = (box: HTMLElement | null): HTMLCanvasElement | null => box?.querySelector('canvas') ?? null;

function useAreas(catchments: CatchmentsView | undefined): Areas | undefined {
  const before = useRef<Areas>(undefined);
  return useMemo(() => {
    if (catchments !== undefined) before.current = areasOf(catchments, before.current);
    return catchments === undefined ? undefined : before.current;
  }, [catchments]);
}

type Picture = {
  readonly size: { readonly width: number; readonly height: number };
  readonly view: View;
  readonly projection: ReturnType<typeof worldProjection>;
  readonly areas: Areas | undefined;
};

/** Draws when something changed, once a frame at most; gives why there is no land to see. */
function useCanvas(props: WorldMapProps, { size, view, projection, areas }: Picture): string | undefined {
  const { pops, lit = props.chosen, client, theme } = props;
  const [atlas, setAtlas] = useState<Atlas>();
  const [missing, setMissing] = useState<string>();
  useEffect(() => {
    loadAtlas().then(setAtlas, (error: unknown) => setMissing(String(error)));
  }, []);
  const colours = useColours(theme);
  const outlines = useMemo(
    () => (atlas === undefined ? undefined : outlinesOf(atlas, projection)),
    [atlas, projection],
  );
  const painter = useMemo(mapPainter, []);
  const at = pops.find(({ code }) => code === lit);
  const [longitude, latitude] = [at?.longitude, at?.latitude];
  useEffect(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('.map-box canvas');
    if (canvas === null || outlines === undefined || size.width === 0) return undefined;
    const frame = requestAnimationFrame(() =>
      painter(canvas, {
        ...{ size, view, projection, outlines, colours, areas, client },
        scale: Math.min(2, devicePixelRatio),
        lit: lit === undefined ? -1 : (areas?.view.pops.indexOf(lit) ?? -1),
        litAt: longitude === undefined || latitude === undefined ? undefined : [longitude, latitude],
      }),
    );
    return () => cancelAnimationFrame(frame);
  }, [size, view, projection, outlines, colours, areas, client, lit, longitude, latitude, painter]);
  return missing;
}

type MarksProps = Pick<WorldMapProps, 'chosen' | 'lit' | 'onLit' | 'onChoose'> & {
  readonly marks: readonly Mark[];
  readonly moving: Moving;
};

/** The POPs: one stop for the tab key, arrows go from one to the next, plus and minus zoom. */
function Marks({ marks, chosen, lit, onLit, onChoose, moving }: MarksProps) {
  const [stop, setStop] = useState<string>();
  const group = useRef<HTMLDivElement>(null);
  const codes = marks.map(({ pop }) => pop.code);
  const current = [stop, chosen].find((code) => code !== undefined && codes.includes(code)) ?? codes[0];
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = current === undefined ? undefined : nextMark(marks, current, event.key);
    if (event.key.startsWith('Arrow')) event.preventDefault();
    if (event.key === '+') moving.zoomBy(1.5);
    if (event.key === '-') moving.zoomBy(1 / 1.5);
    if (event.key === '0') moving.showWhole();
    if (next === undefined) return;
    group.current?.querySelector<HTMLElement>(`[data-pop="${next}"]`)?.focus();
  };
  const under = (event: MouseEvent): string | undefined => {
    const { left = 0, top = 0 } = group.current?.closest('.map-box')?.getBoundingClientRect() ?? {};
    return markAt(marks, event.clientX - left, event.clientY - top);
  };
  const onClick = (event: MouseEvent, code: string): void => {
    // Keys click too, and are nowhere.
    const meant = event.detail === 0 ? code : (under(event) ?? code);
    group.current?.querySelector<HTMLElement>(`[data-pop="${meant}"]`)?.focus();
    onChoose(meant);
  };
  const label = `${marks.length} POPs: arrow keys go from one to the next, Enter opens one, + and − zoom`;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms.
    <div class="marks" role="group" aria-label={label} ref={group} onKeyDown={onKeyDown}>
      {marks.map(({ pop, x, y, radius, label: side }) => (
        <button
          key={pop.code}
          type="button"
          data-pop={pop.code}
          class={`mark${pop.code === chosen ? ' chosen' : ''}${pop.code === lit ? ' lit' : ''}`}
          style={{
            transform: `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`,
            '--radius': `${radius.toFixed(1)}px`,
          }}
          tabIndex={pop.code === current ? 0 : -1}
          aria-pressed={pop.code === chosen}
          aria-label={markWords(pop)}
          onClick={(event) => onClick(event, pop.code)}
          onFocus={() => {
            setStop(pop.code);
            onLit(pop.code);
          }}
          onBlur={() => onLit(undefined)}
          onPointerMove={(event) => onLit(under(event))}
          onPointerLeave={() => onLit(undefined)}
        >
          <Glyph state={pop.state} size={2 * radius} />
          {(fullness(pop) ?? 0) >= 0.9 && <span class="full" aria-hidden="true" />}
          {side !== 'none' && (
            <span class={`code ${side}`} aria-hidden="true">
              {pop.code}
            </span>
          )}
        </button>
      ))}
    </div>
  );
}

function markWords(pop: FleetPop): string {
  const full = fullness(pop);
  const load = pop.loadRps === undefined ? 'load not known' : `${short(pop.loadRps)} requests a second`;
  const capacity = full === undefined ? '' : `, ${percent(full)} of its capacity`;
  return `${pop.code}, ${pop.city}: ${pop.state}, ${load}${capacity}`;
}

function Controls({ zoomBy, showWhole, view }: Moving) {
  return (
    <div class="map-controls">
      <button type="button" aria-label="Zoom in" onClick={() => zoomBy(1.6)}>
        +
      </button>
      <button type="button" aria-label="Zoom out" disabled={view.zoom === 1} onClick={() => zoomBy(1 / 1.6)}>
        −
      </button>
      <button type="button" aria-label="Show the whole world" disabled={view.zoom === 1} onClick={showWhole}>
        ⤢
      </button>
    </div>
  );
}

/** Whose clients those under the pointer are. */
function PlaceNote({
  areas,
  owner,
  isPast,
}: {
  readonly areas: Areas | undefined;
  readonly owner: number;
  readonly isPast: boolean;
}) {
  const place = areas?.places[owner];
  if (areas === undefined || place === undefined) return null;
  const [, label, , , weight, pop, share] = place;
  const code = areas.view.pops[pop];
  return (
    <p class="map-note place" aria-hidden="true">
      {label} → <b>{code ?? 'none'}</b> ({percent(share)} of its clients; {(100 * weight).toFixed(2)} % of
      demand{isPast && ` at ${clock(areas.view.atMs)}`})
    </p>
  );
}
