import { dirname, resolve } from 'node:path';
import { popStateWords } from '../base/pop-state.ts';
import type { Config } from '../config/config.ts';
import { createPopWords, type PopWords } from '../control/pop-words.ts';
import { type Places, readPlaces } from '../geo/places.ts';
import { serviceGroups } from '../steering/groups.ts';
import { createMaintenance, type Maintenance } from '../steering/maintenance.ts';
import type { ServiceGroup } from '../steering/units.ts';
import { readGeoData } from './geo-files.ts';
import { type MemberZones, readMembers } from './members.ts';

/** What is known before any image is: enough to decide on, not to answer from. */
export interface Ground {
  readonly config: Config;
  readonly places: Places;
  readonly groups: readonly ServiceGroup[];
  /** Where the networks lie that policies ask for, and the AS numbers that stand for them. */
  readonly policyNetworks: readonly { readonly placeId: number; readonly asn: number }[];
  /** Group of each service, in the configuration's order. */
  readonly groupOf: readonly number[];
  /** One word per POP, for all threads. */
  readonly popState: Int32Array<SharedArrayBuffer>;
  /** Who alone writes them. */
  readonly words: PopWords;
  readonly maintenance: Maintenance;
  /** Zones that catalogs name, as they are now. */
  readonly members: MemberZones;
}

/** Reads the places and sorts the services into groups. */
export function loadGround(config: Config): Ground {
  const { fleet } = config;
  const { text, file } = readGeoData('places.csv');
  const places = readPlaces(text, file);
  const popState = popStateWords(fleet.pops.length);
  return {
    config,
    places,
    ...groupsOf(config, places),
    popState,
    words: createPopWords(fleet, popState),
    maintenance: createMaintenance(config.maintenance),
    members: readMembers(config),
  };
}

/** What is decided for: groups of services, and the networks that their policies ask for. */
export function groupsOf(
  { fleet, services, policyNetworks }: Pick<Config, 'fleet' | 'services' | 'policyNetworks'>,
  places: Places,
): Pick<Ground, 'groups' | 'groupOf' | 'policyNetworks'> {
  return {
    ...serviceGroups(fleet.pops.length, services),
    policyNetworks: policyNetworks.map(({ asn, country, latitude, longitude }) => ({
      asn,
      placeId: places.find(country, latitude, longitude),
    })),
  };
}

/** Absolute path of the folder for images, snapshots and certificates. */
export function stateFolder(config: Config): string {
  return resolve(dirname('.'), config.state);
}
