/**
 * What the dashboards are put together from. Every panel has a unit, and a sentence that says what it shows;
 * all queries go to the data source of the variable `datasource`.
 */
import { PanelBuilder as BarGauge } from '@grafana/grafana-foundation-sdk/bargauge';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';

/** Width of a dashboard in columns, and what a panel takes of it in rows. */
export const WIDTH = 24;
const HEIGHT = 8;
const STAT_HEIGHT = 4;

const DATASOURCE = { type: 'prometheus', uid: '$datasource' };

/** A query, and what its lines are called: `{{pop}}`. */
export interface Query {
  readonly expr: string;
  readonly legend?: string;
}

/** What all panels say of themselves. */
export interface PanelText {
  readonly title: string;
  /** One or two sentences: what it shows, and what to do when it looks bad. */
  readonly says: string;
  /** Grafana's name of the unit: `s`, `reqps`, `percentunit`. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Columns of 24. */
  readonly span?: number;
}

/** A value from which on a colour holds. */
export type Step = readonly [from: number | null, color: 'green' | 'yellow' | 'red' | 'blue'];

/** A picture over time. */
export function series(
  text: PanelText & { readonly stacked?: boolean; readonly line?: number; readonly max?: number },
): Builder<Panel> {
  const panel = described(new TimeSeries(), text)
    .height(HEIGHT)
    .span(text.span ?? WIDTH / 2)
    .min(0)
    .fillOpacity(text.stacked === true ? 60 : 8)
    .lineWidth(1)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (text.stacked === true) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
  if (text.max !== undefined) panel.max(text.max);
  if (text.line === undefined) return panel;
  return panel
    .thresholds(
      thresholds([
        [null, 'green'],
        [text.line, 'red'],
      ]),
    )
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Line));
}

/** One number of now, with a colour that judges it. */
export function stat(
  text: PanelText & { readonly steps?: readonly Step[]; readonly decimals?: number },
): Builder<Panel> {
  const panel = described(new Stat(), text)
    .height(STAT_HEIGHT)
    .span(text.span ?? 4)
    .thresholds(thresholds(text.steps ?? [[null, 'blue']]));
  return text.decimals === undefined ? panel : panel.decimals(text.decimals);
}

/** Bars by label, of now, the largest first. */
export function bars(
  text: PanelText & { readonly steps?: readonly Step[]; readonly max?: number },
): Builder<Panel> {
  const panel = new BarGauge()
    .title(text.title)
    .description(text.says)
    .datasource(DATASOURCE)
    .unit(text.unit)
    .height(HEIGHT)
    .span(text.span ?? WIDTH / 2)
    .min(0)
    .targets(text.queries.map((query, i) => target(query, i).instant()))
    .dataLinks(consoleLinks(text))
    .thresholds(thresholds(text.steps ?? [[null, 'blue']]));
  return text.max === undefined ? panel : panel.max(text.max);
}

/** A query of now, as a table. */
export function tableQuery({ expr }: Query, index = 0): DataqueryBuilder {
  return target({ expr }, index).instant().format(PromQueryFormat.Table);
}

export function thresholds(steps: readonly Step[]): ThresholdsConfigBuilder {
  const list = steps.map(([value, color]): Threshold => ({ value, color }));
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(list);
}

/** An empty dashboard with variables, and links to all others and to the console. */
export function dashboard(
  uid: string,
  text: { readonly title: string; readonly says: string; readonly withPops?: boolean },
): DashboardBuilder {
  const made = new DashboardBuilder(`Isochrone: ${text.title}`)
    .uid(`isochrone-${uid}`)
    .description(text.says)
    .tags(['isochrone'])
    .readonly()
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .link(
      new DashboardLinkBuilder('Isochrone')
        .type(DashboardLinkType.Dashboards)
        .tags(['isochrone'])
        .asDropdown(true)
        .keepTime(true)
        .includeVars(true),
    )
    .link(
      new DashboardLinkBuilder('Console')
        .type(DashboardLinkType.Link)
        .url('http://$console/')
        .tooltip('The console of the process chosen there')
        .targetBlank(true),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(variable('instance', 'Process', 'label_values(isochrone_build_info, instance)'))
    .withVariable(
      variable('console', 'Console', 'label_values(isochrone_table_epoch, instance)')
        .multi(false)
        .includeAll(false),
    );
  return text.withPops === true
    ? made.withVariable(variable('pop', 'POP', 'label_values(isochrone_pop_state, pop)'))
    : made;
}

/** Fills a dashboard: rows with their titles, and their panels from left to right. */
export function rows(
  into: DashboardBuilder,
  all: readonly (readonly [title: string, panels: readonly Builder<Panel>[]])[],
): DashboardBuilder {
  for (const [title, panels] of all) {
    into.withRow(new RowBuilder(title));
    for (const panel of panels) into.withPanel(panel);
  }
  return into;
}

function variable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query({ query, refId: name })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*');
}

/** Grafana's own variable: the label `pop` of the line that was clicked. */
const POP_OF_FIELD = `\${__field.labels.pop}`;

/** Of panels by POP: what was clicked, in the console. */
function consoleLinks({ queries }: PanelText): DashboardLinkBuilder[] {
  if (!queries.some(({ legend = '' }) => legend.includes('{{pop}}'))) return [];
  return [
    new DashboardLinkBuilder('This POP in the console')
      .url(`http://$console/#pop=${POP_OF_FIELD}`)
      .targetBlank(true),
  ];
}

function described<P extends Stat | TimeSeries>(panel: P, text: PanelText): P {
  panel.title(text.title).description(text.says).datasource(DATASOURCE).unit(text.unit);
  panel.targets(text.queries.map(target)).dataLinks(consoleLinks(text));
  return panel;
}

function target({ expr, legend }: Query, index: number): DataqueryBuilder {
  const query = new DataqueryBuilder()
    .expr(expr)
    .refId(String.fromCharCode(65 + index))
    .datasource(DATASOURCE);
  return legend === undefined ? query : query.legendFormat(legend);
}
