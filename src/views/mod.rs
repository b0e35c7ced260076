//! What a person or a machine sees of the bus. Never imports runner, supervise, plan or config.
