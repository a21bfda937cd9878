/**
 * Where fibre goes, for made-up worlds: which countries one can reach from which over land, what cables lie
 * between landmasses, and where traffic of a region meets. Real ones, from memory of public cable maps;
 * lengths are great circles with a factor.
 */

/** Countries that terrestrial fibre joins with each other, as it is used. Islands alone are left out. */
const LANDS: Readonly<Record<string, string>> = {
  europe:
    'AD AL AT BA BE BG BY CH CZ DE DK EE ES FI FR GI GR HR HU IT LI LT LU LV MC MD ME MK NL NO PL PT RO RS ' +
    'SE SI SK SM UA VA XK',
  britain: 'GB IM JE GG',
  ireland: 'IE',
  russia: 'RU KZ KG UZ TJ TM',
  caucasus: 'TR GE AM AZ',
  levant: 'IL PS',
  gulf: 'AE QA KW SA OM BH YE JO IQ SY LB',
  iran: 'IR',
  pakistan: 'PK AF',
  india: 'IN NP BT BD',
  china: 'CN HK MO MN',
  indochina: 'TH LA KH VN MY SG MM',
  australia: 'AU',
  japan: 'JP',
  korea: 'KR',
  'north america': 'US CA MX GT SV HN NI CR PA BZ',
  'south america': 'BR AR UY PY CL PE BO EC CO VE',
  maghreb: 'MA DZ TN LY',
  egypt: 'EG SD',
  'west africa': 'SN GM ML GN CI BF GH TG BJ NG NE CM',
  'east africa': 'KE UG TZ RW BI ET SO DJ',
  'south africa': 'ZA BW ZW NA MZ LS SZ ZM MW',
  angola: 'AO CD CG',
};

/** Airports of a country whose land is elsewhere: Alaska and Hawaii hang on cables. */
const APART: Readonly<Record<string, string>> = { ANC: 'alaska', HNL: 'hawaii', SJU: 'puerto rico' };

/** Land that a place lies on; a country that is not listed is an island of its own. */
export function landOf(country: string, place: { latitude: number; longitude: number }): string {
  if (country === 'US' && place.longitude < -130) return place.latitude > 45 ? 'alaska' : 'hawaii';
  return LAND_OF.get(country) ?? `alone ${country}`;
}

/** The same of an airport. */
export function landOfAirport(code: string, country: string): string {
  return APART[code] ?? LAND_OF.get(country) ?? `alone ${country}`;
}

const LAND_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(LANDS).flatMap(([land, countries]) =>
    countries.split(' ').map((country) => [country, land] as const),
  ),
);

/**
 * Cables and long land routes between the airports' cities. Factor over the great circle: 1.15 for straight
 * ones, more where a continent is in the way.
 */
export const ROUTES: readonly (readonly [from: string, to: string, factor: number])[] = [
  // Around the North Sea and the Atlantic.
  ...routes('LHR-AMS LHR-CDG LHR-BRU MAN-DUB LHR-DUB DUB-JFK CPH-LHR OSL-MAN KEF-DUB KEF-CPH KEF-YHZ', 1.2),
  ...routes('LHR-JFK LHR-BOS LHR-YHZ CDG-JFK MAD-IAD AMS-JFK CPH-JFK LIS-JFK', 1.18),
  ...routes('HEL-ARN TLL-HEL HEL-HAM RIX-ARN', 1.15),
  ...routes('LIS-FOR MIA-FOR JFK-GRU MIA-GIG FOR-GRU GIG-EZE GRU-EZE', 1.2),
  ...routes('MIA-BOG MIA-PTY MIA-CCS MIA-SJU SJU-CCS PTY-BOG PTY-UIO UIO-LIM LIM-SCL PTY-LIM LAX-PTY', 1.25),
  ...routes('MIA-MEX SJO-MIA LAX-SCL', 1.35),
  // The Pacific.
  ...routes('SEA-NRT PDX-NRT LAX-NRT SJC-NRT LAX-HKG LAX-TPE SJC-ICN LAX-MNL LAX-SIN', 1.2),
  ...routes('LAX-HNL SFO-HNL HNL-GUM GUM-NRT GUM-MNL GUM-HKG GUM-SYD HNL-SYD LAX-SYD LAX-AKL', 1.15),
  ...routes('SYD-AKL AKL-CHC SYD-NAN NAN-HNL HNL-AKL PER-SIN PER-CGK SEA-ANC PDX-ANC', 1.2),
  // Asia's coast.
  ...routes('NRT-PVG KIX-PVG FUK-PUS NRT-ICN ICN-PVG ICN-PEK NRT-TPE KIX-HKG PVG-TPE TPE-HKG', 1.25),
  ...routes('HKG-SIN HKG-MNL HKG-HAN HKG-SGN SIN-MNL SIN-SGN SIN-CGK TPE-MNL NRT-SIN SIN-BKK', 1.2),
  ...routes('VVO-NRT VVO-PEK HAN-CAN', 1.35),
  ...routes('SIN-MAA SIN-CMB CMB-MAA CMB-BOM SIN-BOM SIN-DAC SIN-RGN DAC-CCU', 1.2),
  // India, the Gulf, Suez.
  ...routes('BOM-DXB BOM-MCT KHI-DXB KHI-MCT BOM-JED MCT-DXB DXB-DOH DOH-KWI JED-CAI', 1.25),
  ...routes('CAI-MRS CAI-FCO CAI-ATH CAI-IST TLV-MRS TLV-ATH TLV-FCO JED-MRS', 1.25),
  ...routes('IST-SOF IST-OTP IST-ATH IST-AMM IST-BGW', 1.3),
  // Russia and over land to Asia.
  ...routes('LED-HEL SVO-RIX SVO-WAW LED-ARN SVO-KBP SVO-FRA', 1.3),
  ...routes('OVB-VVO UBN-OVB UBN-PEK ALA-XIY OVB-PEK ALA-FRA', 1.4),
  // Africa: along the coasts, and to Europe.
  ...routes('CMN-LIS CMN-MRS TUN-MRS TUN-FCO DSS-LIS DSS-CMN DSS-FOR ACC-DSS LOS-LIS LOS-ACC LOS-LHR', 1.25),
  ...routes('LOS-LAD LAD-CPT LOS-CPT LAD-FOR CPT-LHR ACC-LIS', 1.25),
  ...routes('NBO-JED NBO-DXB NBO-JNB NBO-BOM JNB-BOM', 1.35),
];

function routes(list: string, factor: number): (readonly [string, string, number])[] {
  return list.split(' ').map((pair) => {
    const [from = '', to = ''] = pair.split('-');
    return [from, to, factor] as const;
  });
}

/** Where a country or landmass without an airport of the list is joined to the world. */
// biome-ignore format: a table
export const GATEWAYS: Readonly<Record<string, string>> = {
  AE: 'DXB', AF: 'KHI', BB: 'MIA SJU', BM: 'JFK', BN: 'SIN', BS: 'MIA', CU: 'MIA CCS', CY: 'ATH TLV MRS',
  DO: 'MIA SJU',
  FO: 'CPH', GF: 'FOR', GL: 'KEF', GP: 'MIA SJU', GY: 'MIA', HT: 'MIA', IR: 'DXB FRA', JM: 'MIA',
  LK: 'CMB', MG: 'JNB MRS', MQ: 'MIA SJU', MT: 'FCO MXP', MU: 'JNB BOM', MV: 'CMB SIN', NC: 'SYD', PF: 'HNL',
  PG: 'SYD GUM', RE: 'JNB MRS', SC: 'NBO', SR: 'MIA', TT: 'MIA', TW: 'TPE', CW: 'MIA', AW: 'MIA', KY: 'MIA',
  ID: 'CGK', PH: 'MNL', NZ: 'AKL', FJ: 'NAN', GU: 'GUM', IS: 'KEF', PR: 'SJU', CV: 'LIS', MO: 'HKG',
};

/** Cities of a region, where its networks meet, and how traffic goes there. */
export interface Region {
  readonly name: string;
  readonly countries: string;
  /** Share of a made-up world's server cities. */
  readonly share: number;
  /** Exchanges of the region, and those abroad where its networks meet as well. */
  readonly exchanges: string;
  readonly abroad: string;
  /** Chance that a network reaches a POP by the shortest way, by its own exchange, by one abroad. */
  readonly ways: readonly [shortest: number, exchange: number, abroad: number];
}

export const REGIONS: readonly Region[] = [
  {
    name: 'north america',
    countries: 'US CA PR BM',
    share: 0.27,
    exchanges: 'IAD ORD DFW LAX SEA ATL JFK SJC YYZ',
    abroad: 'IAD LAX',
    ways: [0.62, 0.33, 0.05],
  },
  {
    name: 'west europe',
    countries: 'GB IE FR BE NL LU DE AT CH DK NO SE FI IS ES PT IT MT LI MC AD',
    share: 0.26,
    exchanges: 'FRA AMS LHR CDG ARN MXP MAD ZRH',
    abroad: 'FRA AMS LHR',
    ways: [0.58, 0.36, 0.06],
  },
  {
    name: 'east europe',
    countries: 'PL CZ SK HU SI HR RS BA ME MK AL GR BG RO MD UA BY LT LV EE CY RU XK',
    share: 0.15,
    exchanges: 'FRA VIE WAW PRG SOF ARN SVO',
    abroad: 'FRA AMS',
    ways: [0.5, 0.38, 0.12],
  },
  {
    name: 'middle east and central asia',
    countries: 'TR GE AM AZ IL JO LB IQ SA AE QA KW BH OM KZ UZ KG PK EG',
    share: 0.06,
    exchanges: 'DXB IST MRS FRA',
    abroad: 'MRS FRA LHR SIN',
    ways: [0.4, 0.3, 0.3],
  },
  {
    name: 'south asia',
    countries: 'IN BD LK NP',
    share: 0.04,
    exchanges: 'BOM MAA DEL',
    abroad: 'SIN LHR MRS',
    ways: [0.48, 0.36, 0.16],
  },
  {
    name: 'southeast asia',
    countries: 'SG MY TH VN KH ID PH MM LA',
    share: 0.05,
    exchanges: 'SIN HKG',
    abroad: 'SIN HKG LAX',
    ways: [0.5, 0.34, 0.16],
  },
  {
    name: 'east asia',
    countries: 'JP KR TW HK CN MO MN',
    share: 0.06,
    exchanges: 'NRT HKG PVG ICN',
    abroad: 'LAX SJC HKG',
    ways: [0.55, 0.3, 0.15],
  },
  {
    name: 'latin america',
    countries: 'MX GT CR PA CO VE EC PE CL AR UY PY BO BR DO TT JM',
    share: 0.06,
    exchanges: 'MIA GRU BOG',
    abroad: 'MIA DFW IAD',
    ways: [0.5, 0.28, 0.22],
  },
  {
    name: 'africa',
    countries: 'MA TN DZ SN GH NG CI KE TZ UG ET ZA ZW MU AO',
    share: 0.05,
    exchanges: 'MRS LHR JNB LOS NBO',
    abroad: 'LHR MRS LIS FRA',
    ways: [0.4, 0.28, 0.32],
  },
  {
    name: 'oceania',
    countries: 'AU NZ FJ NC GU',
    share: 0.04,
    exchanges: 'SYD AKL',
    abroad: 'LAX SIN',
    ways: [0.58, 0.3, 0.12],
  },
];

/** Cities that a fleet of hub POPs is drawn from: the first are always in it. */
export const HUBS =
  'FRA LHR IAD LAX ORD SIN NRT GRU SYD HKG AMS DFW BOM JNB ' +
  'CDG MAD MXP ARN WAW VIE JFK MIA ATL SEA SJC YYZ ICN DXB MEX SCL KIX MAA LOS AKL';
export const HUBS_ALWAYS = 14;
