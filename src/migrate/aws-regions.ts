import type { Location } from './draft.ts';

type Region = readonly [city: string, country: string, latitude: number, longitude: number];

/** AWS regions, each at the city that it is named for, or the largest near it. */
const REGIONS: Readonly<Record<string, Region>> = {
  'us-east-1': ['Ashburn', 'US', 39.04, -77.49],
  'us-east-2': ['Columbus', 'US', 39.96, -83],
  'us-west-1': ['San Jose', 'US', 37.34, -121.89],
  'us-west-2': ['Boardman', 'US', 45.84, -119.7],
  'us-gov-east-1': ['Columbus', 'US', 39.96, -83],
  'us-gov-west-1': ['Portland', 'US', 45.52, -122.68],
  'ca-central-1': ['Montreal', 'CA', 45.5, -73.57],
  'ca-west-1': ['Calgary', 'CA', 51.05, -114.07],
  'mx-central-1': ['Queretaro', 'MX', 20.59, -100.39],
  'sa-east-1': ['Sao Paulo', 'BR', -23.55, -46.63],
  'eu-west-1': ['Dublin', 'IE', 53.35, -6.26],
  'eu-west-2': ['London', 'GB', 51.51, -0.13],
  'eu-west-3': ['Paris', 'FR', 48.86, 2.35],
  'eu-central-1': ['Frankfurt am Main', 'DE', 50.11, 8.68],
  'eu-central-2': ['Zurich', 'CH', 47.37, 8.54],
  'eu-north-1': ['Stockholm', 'SE', 59.33, 18.07],
  'eu-south-1': ['Milan', 'IT', 45.46, 9.19],
  'eu-south-2': ['Zaragoza', 'ES', 41.65, -0.88],
  'af-south-1': ['Cape Town', 'ZA', -33.92, 18.42],
  'il-central-1': ['Tel Aviv', 'IL', 32.08, 34.78],
  'me-central-1': ['Dubai', 'AE', 25.2, 55.27],
  'me-south-1': ['Manama', 'BH', 26.23, 50.59],
  'ap-east-1': ['Hong Kong', 'HK', 22.32, 114.17],
  'ap-east-2': ['Taipei', 'TW', 25.03, 121.57],
  'ap-south-1': ['Mumbai', 'IN', 19.08, 72.88],
  'ap-south-2': ['Hyderabad', 'IN', 17.39, 78.49],
  'ap-southeast-1': ['Singapore', 'SG', 1.35, 103.82],
  'ap-southeast-2': ['Sydney', 'AU', -33.87, 151.21],
  'ap-southeast-3': ['Jakarta', 'ID', -6.21, 106.85],
  'ap-southeast-4': ['Melbourne', 'AU', -37.81, 144.96],
  'ap-southeast-5': ['Kuala Lumpur', 'MY', 3.14, 101.69],
  'ap-southeast-6': ['Auckland', 'NZ', -36.85, 174.76],
  'ap-southeast-7': ['Bangkok', 'TH', 13.76, 100.5],
  'ap-northeast-1': ['Tokyo', 'JP', 35.68, 139.69],
  'ap-northeast-2': ['Seoul', 'KR', 37.57, 126.98],
  'ap-northeast-3': ['Osaka', 'JP', 34.69, 135.5],
  'cn-north-1': ['Beijing', 'CN', 39.9, 116.41],
  'cn-northwest-1': ['Zhongwei', 'CN', 37.5, 105.2],
};

/** Where a region of AWS is; undefined where nobody here knows. */
export function regionLocation(region: string): Location | undefined {
  const found = REGIONS[region];
  if (found === undefined) return undefined;
  const [city, country, latitude, longitude] = found;
  return { city, country, latitude, longitude };
}
