// SPDX-License-Identifier: Apache-2.0
// Generated from the house's OpenAPI document by `npm run gen`. Do not edit.

export interface paths {
    "/api/v1/approval/allow": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["approval_allow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approval/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["approval_deny"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/approval/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["approval_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/halt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["breaker_halt"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["breaker_resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/breaker/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["breaker_status"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/house/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["house_status"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/journal/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["journal_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/journal/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["journal_verify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/log/show": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["log_show"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/token/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["token_summary"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tool/call": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["tool_call"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/tool/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["tool_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/list": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["unit_list"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/restart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["unit_restart"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["unit_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unit/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["unit_stop"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: never;
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    approval_allow: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    id: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: string;
                        result?: unknown;
                        state: string;
                    };
                };
            };
        };
    };
    approval_deny: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    id: string;
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id: string;
                        result?: unknown;
                        state: string;
                    };
                };
            };
        };
    };
    approval_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    state?: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        approvals: null | {
                            action: string;
                            /** Format: date-time */
                            answered?: string;
                            answerer?: string;
                            caller: string;
                            /** Format: date-time */
                            created: string;
                            /** Format: date-time */
                            expires: string;
                            id: string;
                            input: unknown;
                            reason?: string;
                            state: string;
                            subject: string;
                        }[];
                    };
                };
            };
        };
    };
    breaker_halt: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    reason: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        state: string;
                    };
                };
            };
        };
    };
    breaker_resume: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    force?: boolean;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        message: string;
                        state: string;
                        /** Format: date-time */
                        suspended_until?: string;
                    };
                };
            };
        };
    };
    breaker_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        burn_day: number;
                        burn_hour: number;
                        cap_day: number;
                        cap_hour: number;
                        /** Format: date-time */
                        cooldown_until?: string;
                        fault?: string;
                        projected_minutes: number;
                        reason?: string;
                        reserved: number;
                        /** Format: date-time */
                        since?: string;
                        state: string;
                        /** Format: date-time */
                        suspended_until?: string;
                        thresholds: {
                            cooldown_hours: number;
                            hard_cap_pct: number;
                            hard_cap_per_day: number;
                            hard_cap_per_hour: number;
                            notify_only: boolean;
                            soft_cap_pct: number;
                        };
                    };
                };
            };
        };
    };
    house_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        alerts: null | {
                            message: string;
                            name: string;
                            severity: string;
                            /** Format: date-time */
                            since: string;
                            subject: string;
                        }[];
                        api: string;
                        breaker: {
                            burn_day: number;
                            burn_hour: number;
                            cap_day: number;
                            cap_hour: number;
                            /** Format: date-time */
                            cooldown_until?: string;
                            reason?: string;
                            state: string;
                        };
                        checks: null | {
                            check: string;
                            detail: string;
                            status: string;
                        }[];
                        home: string;
                        house: string;
                        pid: number;
                        /** Format: date-time */
                        since: string;
                        units: null | {
                            detail?: string;
                            /** Format: date-time */
                            last_check?: string;
                            log?: string;
                            name: string;
                            owner: string;
                            pid?: number;
                            port?: number;
                            restarts: number;
                            /** Format: date-time */
                            since: string;
                            state: string;
                        }[];
                        url: string;
                        version: string;
                    };
                };
            };
        };
    };
    journal_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    action?: string;
                    caller?: string;
                    limit?: number;
                    outcome?: string;
                    since?: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        entries: null | {
                            action: string;
                            caller: string;
                            detail?: unknown;
                            duration_ns?: number;
                            hash: string;
                            node: string;
                            outcome: string;
                            sequence: number;
                            subject?: string;
                            tier: string;
                            /** Format: date-time */
                            time: string;
                        }[];
                    };
                };
            };
        };
    };
    journal_verify: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        broken?: {
                            node?: string;
                            reason: string;
                            sequence: number;
                        };
                        chains: number;
                        entries: number;
                    };
                };
            };
        };
    };
    log_show: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    lines?: number;
                    unit: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        file: string;
                        lines: null | string[];
                        unit: string;
                    };
                };
            };
        };
    };
    token_summary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    hours?: number;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        burn: {
                            day: number;
                            hour: number;
                            recent: number;
                            reserved: number;
                        };
                        by_agent: null | {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            estimated: number;
                            input: number;
                            name: string;
                            output: number;
                            reasoning: number;
                            total: number;
                        }[];
                        by_hour: null | {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            estimated: number;
                            input: number;
                            output: number;
                            reasoning: number;
                            /** Format: date-time */
                            time: string;
                            total: number;
                        }[];
                        by_model: null | {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            estimated: number;
                            input: number;
                            name: string;
                            output: number;
                            reasoning: number;
                            total: number;
                        }[];
                        last_hour: {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            estimated: number;
                            input: number;
                            output: number;
                            reasoning: number;
                            total: number;
                        };
                        /** Format: date-time */
                        now: string;
                        today: {
                            cache_write: number;
                            cached_read: number;
                            calls: number;
                            estimated: number;
                            input: number;
                            output: number;
                            reasoning: number;
                            total: number;
                        };
                    };
                };
            };
        };
    };
    tool_call: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    arguments?: unknown;
                    name: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        cut?: boolean;
                        failed?: boolean;
                        pending?: string;
                        structured?: unknown;
                        text: string;
                    };
                };
            };
        };
    };
    tool_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    all?: boolean;
                    extension?: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        servers: null | {
                            error?: string;
                            extension: string;
                            failures: number;
                            log: string;
                            pid?: number;
                            problems?: null | {
                                error: string;
                                part: string;
                                traceback?: string;
                            }[];
                            /** Format: date-time */
                            since: string;
                            starts: number;
                            state: string;
                            tools: number;
                        }[];
                        tools: null | {
                            calls: number;
                            destructive: boolean;
                            enabled_in_mcp: boolean;
                            errors: number;
                            extension?: string;
                            input_schema: unknown;
                            /** Format: date-time */
                            last_used?: string;
                            name: string;
                            note?: string;
                            output_schema?: unknown;
                            own_name?: string;
                            passthrough: boolean;
                            read_only: boolean;
                            source: string;
                            summary: string;
                            tier: string;
                        }[];
                    };
                };
            };
        };
    };
    unit_list: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        units: null | {
                            detail?: string;
                            /** Format: date-time */
                            last_check?: string;
                            log?: string;
                            name: string;
                            owner: string;
                            pid?: number;
                            port?: number;
                            restarts: number;
                            /** Format: date-time */
                            since: string;
                            state: string;
                        }[];
                    };
                };
            };
        };
    };
    unit_restart: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    unit: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        /** Format: date-time */
                        last_check?: string;
                        log?: string;
                        name: string;
                        owner: string;
                        pid?: number;
                        port?: number;
                        restarts: number;
                        /** Format: date-time */
                        since: string;
                        state: string;
                    };
                };
            };
        };
    };
    unit_start: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    unit: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        /** Format: date-time */
                        last_check?: string;
                        log?: string;
                        name: string;
                        owner: string;
                        pid?: number;
                        port?: number;
                        restarts: number;
                        /** Format: date-time */
                        since: string;
                        state: string;
                    };
                };
            };
        };
    };
    unit_stop: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": {
                    unit: string;
                };
            };
        };
        responses: {
            /** @description ok */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        detail?: string;
                        /** Format: date-time */
                        last_check?: string;
                        log?: string;
                        name: string;
                        owner: string;
                        pid?: number;
                        port?: number;
                        restarts: number;
                        /** Format: date-time */
                        since: string;
                        state: string;
                    };
                };
            };
        };
    };
}
