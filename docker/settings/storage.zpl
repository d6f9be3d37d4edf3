#  Filestore in containers: storage. All options: filestored options
broker = "tcp://broker:8511"
events-in = "tcp://broker:8512"
events-out = "tcp://broker:8513"
data-endpoint = "tcp://*:8514"
#  The container's own address, whatever it is at the moment: other containers reach it, and so does the host
data-advertise = "tcp://*:8514"
#  node, keys and storage-folder come from the entrypoint
