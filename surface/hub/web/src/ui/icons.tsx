// SPDX-License-Identifier: Apache-2.0
import type { ReactNode } from 'react'

const draw = (paths: ReactNode) =>
  function Icon({ size = 18 }: { size?: number }) {
    return (
      <svg width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
        {paths}
      </svg>
    )
  }

export const OverviewIcon = draw(<><path d="M3 10.500 10 4l7 6.500" /><path d="M5 9v7h10V9" /><path d="M8.500 16v-4h3v4" /></>)
export const UnitsIcon = draw(<><rect x="3" y="3.500" width="14" height="5" rx="1.500" /><rect x="3" y="11.500" width="14" height="5" rx="1.500" /><path d="M6 6h.01M6 14h.01" /></>)
export const TokensIcon = draw(<><path d="M3.500 16.500v-4M8 16.500v-8M12.500 16.500v-5M17 16.500v-12" /></>)
export const ModelsIcon = draw(<><path d="M10 2.800 16.200 6.400v7.200L10 17.200l-6.200-3.600V6.400z" /><path d="M3.900 6.500 10 10l6.100-3.500M10 10v7" /></>)
export const KeyIcon = draw(<><circle cx="6.800" cy="13.200" r="3.400" /><path d="m9.300 10.700 7-7M13.200 6.800l2.300 2.300" /></>)
export const ToolsIcon = draw(<path d="M12.300 3.600a4.200 4.200 0 0 0-4.900 5.600l-4.200 4.200a1.700 1.700 0 0 0 2.400 2.400l4.200-4.200a4.200 4.200 0 0 0 5.600-4.900l-2.500 2.500-2.400-.7-.7-2.400z" />)
export const ApprovalsIcon = draw(<><path d="M10 2.500 16 5v4.500c0 3.800-2.500 6.500-6 8-3.500-1.500-6-4.200-6-8V5z" /><path d="m7.500 9.800 1.800 1.800 3.300-3.400" /></>)
export const AgentsIcon = draw(<><rect x="3.500" y="6" width="13" height="10.500" rx="2.500" /><path d="M10 6V3.200M7.300 10.200v1.600M12.700 10.200v1.600" /></>)
export const ClientsIcon = draw(<><circle cx="6.500" cy="7" r="2.800" /><path d="M2 16.500c.3-3 2-4.500 4.500-4.500s4.200 1.500 4.500 4.500" /><path d="M12 9.500h6M15.500 7l2.500 2.500-2.500 2.500" /></>)
export const TracesIcon = draw(<><path d="M3 5h7M6 10h9M9 15h8" strokeWidth="2.200" /></>)
export const SkillsIcon = draw(<><path d="M10 5.500C8.500 4.200 6.300 3.800 3.500 4v11c2.800-.2 5 .2 6.500 1.500 1.500-1.300 3.700-1.700 6.500-1.500V4c-2.800-.2-5 .2-6.500 1.500zM10 5.500v11" /></>)
export const JournalIcon = draw(<><path d="M5 3h9.500a.5.500 0 0 1 .5.500v13a.5.500 0 0 1-.5.500H5a1.500 1.500 0 0 1-1.500-1.500v-11A1.500 1.500 0 0 1 5 3z" /><path d="M7 7h5M7 10h5M7 13h3" /></>)
export const MoreIcon = draw(<><path d="M4 6h12M4 10h12M4 14h12" /></>)
export const RestartIcon = draw(<><path d="M16 10a6 6 0 1 1-1.900-4.400" /><path d="M16.500 3v3.500H13" /></>)
export const StopIcon = draw(<rect x="5.500" y="5.500" width="9" height="9" rx="1.500" />)
export const PlayIcon = draw(<path d="M7 4.800v10.400l8.300-5.200z" />)
export const LogIcon = draw(<><path d="m4 6 3 3-3 3" /><path d="M9.500 13.500H16" /></>)
export const CloseIcon = draw(<path d="m5 5 10 10M15 5 5 15" />)
export const SearchIcon = draw(<><circle cx="9" cy="9" r="5.200" /><path d="m13 13 3.800 3.800" /></>)
export const SunIcon = draw(<><circle cx="10" cy="10" r="3.200" /><path d="M10 2.500v1.800M10 15.700v1.800M2.500 10h1.800M15.700 10h1.800M4.700 4.700 6 6M14 14l1.300 1.300M15.300 4.700 14 6M6 14l-1.300 1.300" /></>)
export const MoonIcon = draw(<path d="M16.300 12A6.800 6.800 0 0 1 8 3.700a6.800 6.800 0 1 0 8.300 8.300z" />)
export const AutoIcon = draw(<><circle cx="10" cy="10" r="6.500" /><path d="M10 3.500v13a6.500 6.500 0 0 0 0-13z" fill="currentColor" stroke="none" /></>)
export const CopyIcon = draw(<><rect x="7" y="7" width="9.500" height="9.500" rx="1.500" /><path d="M13 4.500A1 1 0 0 0 12 3.500H4.500a1 1 0 0 0-1 1V12a1 1 0 0 0 1 1" /></>)
export const CheckIcon = draw(<path d="m4.500 10.500 3.700 3.700 7.300-8" />)
export const AlertIcon = draw(<><path d="M10 3 17.500 16h-15z" /><path d="M10 8v3.500M10 13.700v.01" /></>)
export const OutIcon = draw(<><path d="M8 3.500H4.500a1 1 0 0 0-1 1v11a1 1 0 0 0 1 1H8" /><path d="M12 6.500 15.500 10 12 13.500M15.500 10H7.500" /></>)
export const ChevronIcon = draw(<path d="m7.500 5 5 5-5 5" />)
export const BackIcon = draw(<path d="m12.500 5-5 5 5 5" />)
export const HaltIcon = draw(<><path d="M7 2.800h6L17.200 7v6L13 17.200H7L2.800 13V7z" /><path d="M7.500 7.500v5M12.500 7.500v5" /></>)
export const LinkIcon = draw(<><path d="M11.500 4H16v4.500M16 4l-7 7" /><path d="M14.500 11.500V15a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V6.500a1 1 0 0 1 1-1h3.500" /></>)

export const PlusIcon = draw(<path d="M10 4v12M4 10h12" />)
export const EditIcon = draw(<><path d="M12.800 4.200 15.800 7.200 7.500 15.500l-3.800.800.800-3.800z" /><path d="m11 6 3 3" /></>)
export const PauseIcon = draw(<path d="M7.500 5v10M12.500 5v10" />)
export const UpIcon = draw(<path d="m5 12.500 5-5 5 5" />)
export const DownIcon = draw(<path d="m5 7.500 5 5 5-5" />)
export const WrapIcon = draw(<><path d="M3.500 5.500h13M3.500 10h10a2.700 2.700 0 0 1 0 5.400H10" /><path d="m12 13-2.300 2.400L12 17.500M3.500 14.500h3" /></>)
export const DownloadIcon = draw(<><path d="M10 3.500v9M6.300 9.200 10 12.800l3.700-3.600" /><path d="M4 16.500h12" /></>)

/** Our mark: a mooring cleat with a line made fast around it. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0f5c5c" />
      <g fill="none" strokeLinecap="round" strokeLinejoin="round">
        <path d="M4.500 12.200c1.200-1.500 2.800-2.200 4.700-2.200h13.600c1.900 0 3.500.7 4.700 2.200" stroke="#f4f8f6" strokeWidth="3.600" />
        <path d="M12.200 10.500v10.200M19.800 10.500v10.200" stroke="#f4f8f6" strokeWidth="3.600" />
        <path d="M8.500 24.500h15" stroke="#f4f8f6" strokeWidth="3.400" />
        <path d="M5 20.500c6 .4 8-1.200 11-4.500s5-4.900 11-4.500" stroke="#0f5c5c" strokeWidth="5.600" strokeLinecap="butt" />
        <path d="M3.800 19.400c6.600 1.200 9.200-.6 12.200-3.600s5.600-4.800 12.200-3.600" stroke="#f0b94a" strokeWidth="3" />
      </g>
    </svg>
  )
}
