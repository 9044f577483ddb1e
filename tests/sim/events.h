// What happens in the simulated world: the types of the events on its agenda. Times are
// milliseconds; boot 0 is any.
#ifndef IDN_TESTS_SIM_EVENTS_H
#define IDN_TESTS_SIM_EVENTS_H

enum sim_event_type {
    // To a process that is up, of the boot it is meant for.
    SIM_REQUEST,     // payload: idn_request; a: peer
    SIM_REPLY,       // payload: idn_reply; a: broker
    SIM_MESSAGE,     // payload: idn_worker_message; a: peer
    SIM_ORDER,       // payload: idn_order; a: broker, b: peer
    SIM_WORKER_BEAT, // payload: idn_worker_beat
    SIM_BROKER_BEAT, // payload: idn_broker_beat; a: broker
    SIM_FRAME,       // payload: idn_mirror_frame
    SIM_STORED,      // a: position
    SIM_READ,        // payload: sim_read
    SIM_DISK_LOOK,
    SIM_GONE,  // a: peer, b: of a worker
    SIM_CHILD, // payload: sim_child
    SIM_NEXT,  // a client goes on
    SIM_LIST,  // a worker asks for the rest of a list
    // The world's.
    SIM_WRITTEN,   // a disk has; a: write number
    SIM_FAULT,     // the next one comes
    SIM_FAULT_END, // payload: sim_fault_end
    SIM_RESTART,
    SIM_LOOK, // a quarter of a second has passed
};

#endif
