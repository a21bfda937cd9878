import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  FrameGeometrySourceBuilder,
  FrameGeometrySourceMode,
  MapLayerOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Geomap, MapViewConfigBuilder } from '@grafana/grafana-foundation-sdk/geomap';
import { tableQuery, thresholds, WIDTH } from './panels.ts';

/** The POPs on a map: as large as their share of demand, and green, orange or red by load and state. */
export function popMap(): Builder<Panel> {
  const byPop = (name: string): string => `max by (pop) (${name}{instance=~"$instance"})`;
  const where = 'max by (pop, city, latitude, longitude) (isochrone_pop_info{instance=~"$instance"})';
  const fullness = `${byPop('isochrone_pop_load_rps')} / ${byPop('isochrone_pop_capacity_rps')}`;
  return new Geomap()
    .title('POPs')
    .description('Size: share of demand. Colour: load over capacity. Measured; in the demo, modelled.')
    .datasource({ type: 'prometheus', uid: '$datasource' })
    .height(8)
    .span(WIDTH / 2)
    .unit('percentunit')
    .thresholds(
      thresholds([
        [null, 'green'],
        [0.8, 'yellow'],
        [0.95, 'red'],
      ]),
    )
    .targets([
      tableQuery({ expr: where }, 0),
      tableQuery({ expr: byPop('isochrone_pop_share_ratio') }, 1),
      tableQuery({ expr: fullness }, 2),
    ])
    .withTransformation({ id: 'joinByField', options: { byField: 'pop', mode: 'outer' } })
    .withTransformation({
      id: 'convertFieldType',
      options: {
        conversions: ['latitude', 'longitude'].map((targetField) => ({
          targetField,
          destinationType: 'number',
        })),
      },
    })
    .withTransformation({
      id: 'organize',
      options: { renameByName: { 'Value #B': 'share', 'Value #C': 'load over capacity' } },
    })
    .view(new MapViewConfigBuilder().id('zero').lat(20).lon(10).zoom(1.6))
    .layers([
      new MapLayerOptionsBuilder()
        .type('markers')
        .name('POPs')
        .location(
          new FrameGeometrySourceBuilder()
            .mode(FrameGeometrySourceMode.Coords)
            .latitude('latitude')
            .longitude('longitude'),
        )
        .config({
          style: {
            color: { field: 'load over capacity', fixed: 'green' },
            size: { field: 'share', fixed: 5, min: 3, max: 18 },
            opacity: 0.7,
            text: { field: 'pop', mode: 'field' },
          },
          showLegend: false,
        }),
    ]);
}
