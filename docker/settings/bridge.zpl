#  Filestore in containers: bridge. All options: filestored options
broker = "tcp://broker:8511"
events-in = "tcp://broker:8512"
events-out = "tcp://broker:8513"
web = "0.0.0.0:8501"
keys = "/var/lib/filestore/bridge.key"
